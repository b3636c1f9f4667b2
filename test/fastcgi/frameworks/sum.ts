import { createHash } from "node:crypto";
import type { Sum } from "./application.ts";

/** Length and SHA-1 of bytes, or of a stream of them. */
export async function sumOf(bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<Sum> {
  const hash = createHash("sha1");
  let length = 0;
  for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
    hash.update(piece);
    length += piece.length;
  }
  return { length, sha: hash.digest("hex") };
}
