/** Why a listener could not be had, in words that help: the process that is in the way, the right that is missing. */
import { lstatSync } from "node:fs";
import { dirname } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { formatAddress } from "../supervision/socket.ts";
import { findUser, SystemCallError } from "./posix.ts";
import { holdersOf, isStopped, isWorkerOfOurs, processName } from "./procfs.ts";
import { tcpSocketsAt } from "./sockdiag.ts";

/** `process 4711 (php-cgi) and 3 more listen`, as the kernel names them. */
function describeHolders(pids: readonly number[]): string {
  const [first, ...others] = pids;
  if (first === undefined) return "a process that is hidden from us listens";
  const name = `process ${first} (${processName(first) ?? "gone meanwhile"})`;
  return others.length === 0 ? `${name} listens` : `${name} and ${others.length} more listen`;
}

/**
 * The refusal of a socket that these processes hold. Where all of them are workers of a manager that was killed, nobody
 * else will end them, and the remedy says how.
 */
export function refuseHeld(
  code: "FCGI_PM_SOCKET_IN_USE" | "FCGI_PM_PORT_IN_USE",
  what: string,
  pids: readonly number[],
): FcgiPmError {
  const orphans = pids.length > 0 && pids.every(isWorkerOfOurs);
  const why = orphans
    ? `${describeHolders(pids)} on it, left by a manager that was killed`
    : `${describeHolders(pids)} on it`;
  const flag = code === "FCGI_PM_PORT_IN_USE" ? "--port" : "--socket";
  // One that was stopped by its manager while it was drained cannot hear a TERM.
  const kill = pids.some(isHalted) ? "kill -9" : "kill";
  const remedy = `${kill} ${pids.join(" ")}, or give this app another ${flag}`;
  if (orphans) return new FcgiPmError(code, `Cannot listen on ${what}: ${why}`, { remedy });
  return new FcgiPmError(
    code,
    `Cannot listen on ${what}: ${why}`,
    pids.some(isSystemd) ? { remedy: ofSocketUnit } : {},
  );
}

/** It holds the sockets of its socket units, and is not to be stopped. */
function isSystemd(pid: number): boolean {
  return processName(pid) === "systemd";
}

const ofSocketUnit =
  "systemctl list-sockets names its socket unit: stop that, or let it start this manager (FileDescriptorName= is the app's name)";

function isHalted(pid: number): boolean {
  try {
    return isStopped(pid);
  } catch {
    return false;
  }
}

function errnoOf(error: unknown): string {
  if (error instanceof SystemCallError) return error.errno;
  return String((error as NodeJS.ErrnoException).code ?? "unknown");
}

/** A manager that was killed leaves its lock: to one of another user it is closed. */
export function explainLock(error: unknown, path: string, lock: string): unknown {
  const there = errnoOf(error) === "EACCES" ? lstatSync(lock, { throwIfNoEntry: false }) : undefined;
  if (there === undefined || there.uid === process.geteuid?.()) return explainPath(error, path);
  const owner = findUser(there.uid)?.name ?? `user ${there.uid}`;
  return new FcgiPmError("FCGI_PM_SOCKET_FORBIDDEN", `Cannot listen on "${path}": ${lock} is ${owner}'s`, {
    remedy: `if no fcgi-pm of ${owner}'s listens there any more: rm ${lock}`,
  });
}

/** A failed call on a Unix socket path as an expected error; anything else comes back as it is. */
export function explainPath(error: unknown, path: string): unknown {
  const directory = dirname(path);
  switch (errnoOf(error)) {
    case "ENOENT":
      return new FcgiPmError(
        "FCGI_PM_SOCKET_DIRECTORY_WRONG",
        `Cannot listen on "${path}": there is no directory ${directory}`,
        { remedy: `mkdir -p ${directory}, or choose another --socket` },
      );
    case "ENOTDIR":
      return new FcgiPmError(
        "FCGI_PM_SOCKET_DIRECTORY_WRONG",
        `Cannot listen on "${path}": ${directory} is no directory`,
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new FcgiPmError(
        "FCGI_PM_SOCKET_FORBIDDEN",
        `Cannot listen on "${path}": no right to write to ${directory}, or to what lies there (${errnoOf(error)})`,
      );
    default:
      return explainCall(error, path);
  }
}

/** A failed call on a TCP address as an expected error. */
export function explainTcp(error: unknown, host: string, port: number): unknown {
  const address = formatAddress(host, port);
  switch (errnoOf(error)) {
    case "EADDRINUSE": {
      const inodes = [
        ...(tcpSocketsAt("ipv4", port, "listening")?.keys() ?? []),
        ...(tcpSocketsAt("ipv6", port, "listening")?.keys() ?? []),
      ];
      return refuseHeld("FCGI_PM_PORT_IN_USE", address, holdersOf(inodes));
    }
    case "EACCES":
      return new FcgiPmError("FCGI_PM_PORT_FORBIDDEN", `Cannot listen on ${address}: ports below 1024 are for root`);
    case "EADDRNOTAVAIL":
      return new FcgiPmError(
        "FCGI_PM_ADDRESS_MISSING",
        `Cannot listen on ${address}: this machine does not have that address`,
      );
    default:
      return explainCall(error, address);
  }
}

function explainCall(error: unknown, address: string): unknown {
  if (!(error instanceof Error) || error instanceof FcgiPmError) return error;
  return new FcgiPmError("FCGI_PM_SYSTEM_CALL_FAILED", `Cannot listen on "${address}": ${error.message}`, {
    cause: error,
  });
}
