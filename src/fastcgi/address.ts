/** Where a FastCGI application listens. An app's `listen` fits, unless its kind is "none". */
export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** The address as people write it: a path, or host:port. */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return address.path;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** The most bytes `sun_path` takes, its closing zero apart. */
export const maxUnixPathBytes = process.platform === "linux" ? 107 : 103;

/** True for a path that Node would cut off without a word and then connect or bind to another (libuv before 1.47). */
export function isPathTooLong(address: Address): boolean {
  return address.kind === "unix" && Buffer.byteLength(address.path) > maxUnixPathBytes;
}

/** The address in the form that `net.connect` and `server.listen` take. */
export function toNetOptions(address: Address): { path: string } | { host: string; port: number } {
  return address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port };
}
