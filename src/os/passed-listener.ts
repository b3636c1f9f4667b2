/** Listeners on sockets that were open before us: inherited from systemd, or adopted from a manager before us. */
import { closeSync, lstatSync, type Stats } from "node:fs";
import { FcgiPmError } from "../errors.ts";
import { type Listener, lockSocket, tcpListener, type UnixOptions, unixListener } from "./listener.ts";
import type { Place } from "./listening.ts";
import { admitPackets } from "./packet-filter.ts";
import { fileAt, type PassedSocket } from "./passed-sockets.ts";
import { SystemCallError } from "./posix.ts";
import { explainPath } from "./refusal.ts";

/** A socket that is somebody else's: nothing of it is changed, neither rights, depth nor path, and nobody is refused. */
export function inherit(socket: PassedSocket): Listener {
  const { fd, at } = socket;
  const file = at.kind === "unix" ? fileAt(at.path) : undefined;
  if (at.kind === "unix" && file === undefined) {
    throw new FcgiPmError(
      "FCGI_PM_PASSED_SOCKET_WRONG",
      `Cannot take over the socket "${socket.name}": ${at.path} has gone`,
      {
        remedy: "start its socket unit anew: systemctl restart UNIT.socket",
      },
    );
  }
  const own =
    at.kind === "unix"
      ? unixListener(fd, at.path, file as Stats, undefined, "inherited")
      : tcpListener(fd, at.host, at.port, "inherited");
  const leave = () => closeSync(fd);
  return {
    ...own,
    refuseNew: () => false,
    setRights: () => {},
    setBacklog: () => {},
    release: leave,
    leave,
    outlivesUs: () => true,
  };
}

/** A socket that a manager before us has bound, at the place that it is to have: from now on it is ours. */
export function adopt(socket: PassedSocket, place: Place, options: UnixOptions): Listener {
  const listener = place.kind === "unix" ? adoptUnix(socket, place.path, options) : adoptTcp(socket, place);
  listener.setBacklog(options.backlog);
  return listener;
}

function adoptUnix({ fd }: PassedSocket, path: string, options: UnixOptions): Listener {
  const lock = lockSocket(path);
  try {
    const listener = unixListener(fd, path, lstatSync(path), lock, "adopted");
    listener.setRights(options);
    return listener;
  } catch (error) {
    lock.release();
    throw explainPath(error, path);
  }
}

function adoptTcp({ fd }: PassedSocket, { host, port }: Extract<Place, { kind: "tcp" }>): Listener {
  try {
    // The door may have been closed before the socket was left to us.
    admitPackets(fd);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error; // ENOENT: it was open
  }
  return tcpListener(fd, host, port, "adopted");
}
