/**
 * Bytes as strings. A *binary string* has one character (U+0000 to U+00FF) for each byte: nothing is lost, it works as a key of a
 * Map, and V8 stores it in one byte a character. `TextDecoder("latin1")` is windows-1252 by the Encoding standard and would lose
 * bytes; Buffer's latin1 does not.
 */

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes to a binary string. */
export function toBinaryString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** A binary string to the bytes it stands for. */
export function fromBinaryString(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** A string of any characters to UTF-8; bytes stay as they are. */
export function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? encoder.encode(value) : value;
}

/** The text that a binary string holds if its bytes are UTF-8; otherwise the binary string itself. */
export function readText(binary: string): string {
  if (!/[\x80-\xff]/.test(binary)) return binary;
  try {
    return utf8.decode(fromBinaryString(binary));
  } catch {
    return binary;
  }
}
