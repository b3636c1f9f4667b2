/** The port of an app: who has it, who reaches it. */
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import type { Finding } from "../diagnosis/finding.ts";
import { heldByOthers, startOf } from "../diagnosis/place-path.ts";
import { addressMissing, nobodyAtPort, openToTheNetwork, portForbidden } from "../diagnosis/place-port.ts";
import { isOfThisMachine, ownAddresses } from "../os/listening.ts";
import { formatAddress, isLoopback } from "../supervision/socket.ts";
import { type Occupied, occupantsOf } from "./occupants.ts";
import type { Patient } from "./patient.ts";
import { appOf, isOnlyTried } from "./place-unix.ts";

export function judgePort(patient: Patient, host: string, port: number): Finding[] {
  const at = formatAddress(host, port);
  const app = appOf(patient);
  const occupied = occupantsOf({ kind: "tcp", host, port });
  const isLive = occupied.listening.length > 0;
  return [
    ...(patient.running === undefined && app !== undefined ? judgeFree({ host, port, at }, occupied) : []),
    ...(isLive || isElsewhere(host, app) || isOnlyTried(patient) ? [] : [nobodyAtPort(at, app, startOf(patient))]),
    ...judgeClients(patient, occupied, { host, port }),
  ];
}

/** An address of another machine, where nobody of ours listens. */
function isElsewhere(host: string, app: string | undefined): boolean {
  return app === undefined && !isOfThisMachine(host);
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly at: string;
}

/** Could the app have it? */
function judgeFree({ host, port, at }: Target, { listening, occupants }: Occupied): Finding[] {
  if (!isOfThisMachine(host)) return [addressMissing(host, ownAddresses())];
  if (listening.length > 0) return [heldByOthers(at, occupants, `port = ${port + 1}   # another port`)];
  const first = firstFreePort();
  return port < first && process.geteuid?.() !== 0 ? [portForbidden(at, first, userInfo().username)] : [];
}

/** Who reaches it: by what it is bound to, and before that by what is wanted. */
function judgeClients(patient: Patient, { listening }: Occupied, { host, port }: Omit<Target, "at">): Finding[] {
  const app = appOf(patient);
  if ((patient.app?.allowedClients.length ?? 0) > 0) return [];
  const bound = listening.map(({ at }) => at).filter((at) => !isLoopback(hostOf(at)));
  const [first] = bound;
  if (first !== undefined) return [openToTheNetwork(first, port, app, true)];
  const isWanted = listening.length === 0 && app !== undefined && isOfThisMachine(host) && !isLoopback(host);
  return isWanted ? [openToTheNetwork(formatAddress(host, port), port, app, false)] : [];
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}

function firstFreePort(): number {
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
  } catch {
    return 1024;
  }
}
