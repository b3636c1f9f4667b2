/** A socket or port of anybody's program: who listens, what waits, what it answers. */
import { isIP } from "node:net";
import type { Finding } from "../diagnosis/finding.ts";
import { foreignQueueFull, foreignStopped, notAsked } from "../diagnosis/live-foreign.ts";
import { nameAll, type Occupant } from "../diagnosis/place-path.ts";
import { type Address, formatAddress } from "../fastcgi/address.ts";
import { tryAs } from "../os/access-as.ts";
import { viewProcess } from "../os/process-view.ts";
import { isLoopback } from "../supervision/socket.ts";
import { askAndJudge } from "./ask.ts";
import { type Occupied, occupantsOf } from "./occupants.ts";
import type { Patient } from "./patient.ts";

/** Where nobody listens nothing is asked: the place says it. */
export async function examineForeign(patient: Patient, address: Address): Promise<Finding[]> {
  const occupied = occupantsOf(address);
  if (occupied.listening.length === 0 && !occupied.isElsewhere && isLocal(address)) return [];
  patient.journal.tried(describe(address, occupied));
  const found = [judgeQueue(address, occupied), judgeStopped(address, occupied.occupants)].filter(
    (finding) => finding !== undefined,
  );
  return found.length > 0 ? found : askIfAllowed(address, patient);
}

/** That we may not connect says nothing of the web server, which is another user. */
export function askIfAllowed(address: Address, patient: Patient): Promise<Finding[]> {
  if (address.kind === "tcp" || mayWrite(address.path)) return askAndJudge(address, patient);
  return Promise.resolve([notAsked(address.path, viewProcess(process.pid)?.user ?? "this user")]);
}

function mayWrite(path: string): boolean {
  const [uid = 0, gid = 0] = [process.geteuid?.(), process.getegid?.()];
  return uid === 0 || tryAs({ uid, gid }, path, "write") !== false;
}

function isLocal(address: Address): boolean {
  return address.kind === "unix" || (isIP(address.host) !== 0 && isLoopback(address.host));
}

function describe(address: Address, { listening, occupants }: Occupied): string {
  const where = formatAddress(address);
  if (listening.length === 0) return `${where} is in another network namespace, or on another machine`;
  const queues = listening.flatMap(({ queue }) => (queue === undefined ? [] : [`${queue.length} of ${queue.limit}`]));
  const users = [...new Set(occupants.map(({ user }) => user))].join(", ");
  const of = users === "" ? "" : ` as ${users}`;
  return `${nameAll(occupants)} at ${where}${of}${queues.length === 0 ? "" : `, queue ${queues.join(", ")}`}`;
}

function judgeQueue(address: Address, { listening, occupants }: Occupied): Finding | undefined {
  const full = listening.find(({ queue }) => queue !== undefined && queue.length >= queue.limit && queue.length > 0);
  return full?.queue === undefined
    ? undefined
    : foreignQueueFull(formatAddress(address), full.queue, nameAll(occupants));
}

function judgeStopped(address: Address, occupants: readonly Occupant[]): Finding | undefined {
  const pids = occupants.map(({ pid }) => pid);
  const areStopped = pids.length > 0 && pids.every((pid) => viewProcess(pid)?.state === "T");
  return areStopped ? foreignStopped(formatAddress(address), pids) : undefined;
}
