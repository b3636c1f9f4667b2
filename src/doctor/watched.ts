/** The listener at an address, as the looks through the kernel want it. */
import { statSync } from "node:fs";
import { isIPv4 } from "node:net";
import type { Address } from "../fastcgi/address.ts";
import type { Watched } from "../os/held-connections.ts";
import { tcpSocketsAt, unixSocketsAt } from "../os/sockdiag.ts";

/** Undefined where nobody listens. */
export function watchedAt(address: Address, inode: number | undefined): Watched | undefined {
  if (inode === undefined) return undefined;
  if (address.kind === "tcp") {
    const family = isIPv4(address.host) ? "ipv4" : "ipv6";
    return { inode, kind: "tcp", connections: () => tcpSocketsAt(family, address.port, "connected") };
  }
  const file = statSync(address.path, { throwIfNoEntry: false });
  return file === undefined ? undefined : { inode, kind: "unix", connections: () => unixSocketsAt(file, "connected") };
}
