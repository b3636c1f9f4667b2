/** The tables of /proc/net: text in, sockets out. */

export interface TableSocket {
  readonly inode: number;
  readonly isListening: boolean;
  /** A path, or host:port; empty for a Unix socket without a name. */
  readonly local: string;
  /** Of TCP connections. */
  readonly remote: string | undefined;
}

/** `/proc/net/unix`: `Num RefCount Protocol Flags Type St Inode Path`. */
export function parseUnixTable(text: string): TableSocket[] {
  return text.split("\n").flatMap((line) => {
    const [, flags, inode, local = ""] = /^[0-9a-f]+: \S+ \S+ ([0-9A-F]+) \S+ \S+ +(\d+)(?: (.*))?$/.exec(line) ?? [];
    if (flags === undefined || inode === undefined) return [];
    // __SO_ACCEPTCON
    const isListening = (Number.parseInt(flags, 16) & 0x10000) !== 0;
    return [{ inode: Number(inode), isListening, local, remote: undefined }];
  });
}

/** `/proc/net/tcp` and `tcp6`: addresses in hexadecimal, in the byte order of the machine (little, on all that Node runs on). */
export function parseTcpTable(text: string): TableSocket[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [, local = "", remote = "", state, , , , , , inode] = line.trim().split(/\s+/);
      if (inode === undefined) return [];
      const isListening = state === "0A";
      return [
        {
          inode: Number(inode),
          isListening,
          local: addressOf(local),
          remote: isListening ? undefined : addressOf(remote),
        },
      ];
    });
}

/** `0100007F:1F90` to `127.0.0.1:8080`. */
function addressOf(text: string): string {
  const [hex = "", port = "0"] = text.split(":");
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  const numbers = bytes.map((byte) => Number.parseInt(byte, 16));
  return `${numbers.length === 4 ? numbers.join(".") : `[${ipv6Of(numbers)}]`}:${Number.parseInt(port, 16)}`;
}

/** Its longest run of zeros is left out; an IPv4 address in it is written as one. */
function ipv6Of(bytes: readonly number[]): string {
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return `::ffff:${bytes.slice(12).join(".")}`;
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16),
  );
  const text = groups.join(":");
  const [longest] = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((one, other) => other[0].length - one[0].length);
  if (longest === undefined) return text;
  const [before, after] = [text.slice(0, longest.index), text.slice(longest.index + longest[0].length)];
  return `${before}::${after.replace(/^:/, "")}`;
}
