/** May this path be bound, cleared, or not touched; may this address be bound without a word. Decided here, done in os/listener.ts. */

/** What lstat shows at the path. */
export type Found =
  | { readonly kind: "absent" }
  | { readonly kind: "socket" }
  | { readonly kind: "other"; readonly what: string };

/** How one non-blocking connect to the socket at the path went: `"connected"`, or the name of the error. */
export type Probe = string;

export type SocketVerdict = "absent" | "stale" | "in-use" | "not-a-socket";

/** Longest path that fits into `sun_path` with its closing zero (108 bytes on Linux). */
export const longestSocketPath = 107;

/**
 * A socket is stale only where the kernel says that nobody listens. A full queue (EAGAIN) and missing rights (EACCES)
 * are signs of life, and so is anything that is not understood: what is not known to be dead is not touched.
 */
export function judgeSocket(found: Found, probe: Probe | undefined): SocketVerdict {
  if (found.kind === "absent" || probe === "ENOENT") return "absent";
  if (found.kind === "other") return "not-a-socket";
  return probe === "ECONNREFUSED" ? "stale" : "in-use";
}

/** Only this machine reaches it. */
export function isLoopback(host: string): boolean {
  return host === "::1" || host === "::ffff:127.0.0.1" || /^127\./.test(host);
}

/** `127.0.0.1:9000`, `[::1]:9000`. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
