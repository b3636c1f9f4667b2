/** An app that runs, or anybody's program that listens: two looks through the kernel, and one real request. */
import { setTimeout as pause } from "node:timers/promises";
import type { Finding } from "../diagnosis/finding.ts";
import { liveFindings } from "../diagnosis/live.ts";
import type { LiveFacts } from "../diagnosis/live-look.ts";
import type { Address } from "../fastcgi/address.ts";
import type { AppStatus } from "../observe/status.ts";
import { onlyWaitsForClients } from "../os/kept-readers.ts";
import { isNonBlockingIn } from "../os/listening.ts";
import { viewProcess } from "../os/process-view.ts";
import { askIfAllowed, examineForeign } from "./live-foreign.ts";
import { type Occupied, occupantsOf } from "./occupants.ts";
import type { Patient, Running } from "./patient.ts";
import { asWritten, worstFirst } from "./place.ts";
import { watchedAt } from "./watched.ts";

/** Between the looks: long enough for work to show on the processor's clock, which counts in 10 ms. */
const betweenMs = 600;

/** Changes nothing; sends one request, if nothing else is found to be broken. */
export async function examineLive(patient: Patient): Promise<Finding[]> {
  const { running, address } = patient;
  if (running === undefined) return address === undefined ? [] : worstFirst(await examineForeign(patient, address));
  const found = asWritten(patient, liveFindings(await lookTwice(patient, running, address)));
  const isAnswering = address !== undefined && running.status.ready > 0;
  if (!isAnswering || found.some(keepsFromAsking)) return worstFirst(found);
  return worstFirst([...found, ...(await askIfAllowed(address, patient))]);
}

/** Nobody would answer, or one of the web server's connections would have to be closed first. */
function keepsFromAsking({ code, level }: Finding): boolean {
  return level === "broken" || code === "live.keep-alive-pins";
}

async function lookTwice(patient: Patient, running: Running, address: Address | undefined): Promise<LiveFacts> {
  patient.journal.say(`looking at ${patient.name} twice`);
  const startedAt = performance.now();
  const before = await lookOnce(running, patient.name);
  const stoppedBefore = new Set(stoppedOf(before));
  await pause(betweenMs, undefined, { signal: patient.journal.signal });
  const after = await lookOnce(running, patient.name);
  const occupied = address === undefined ? undefined : occupantsOf(address);
  patient.journal.tried(
    `looked at ${patient.name} twice: ${after.ready} of ${after.wanted} workers ready, ${after.busy ?? "?"} busy, queue ${after.queue ?? "?"}`,
  );
  return {
    before,
    after,
    betweenMs: performance.now() - startedAt,
    waitingForClients: waitingOf(after, address, occupied),
    stopped: stoppedOf(after).filter((pid) => stoppedBefore.has(pid)),
    isNonBlocking: nonBlockingOf(running, occupied),
    users: [...new Set(pidsOf(after).flatMap((pid) => viewProcess(pid)?.user ?? []))],
    nowMs: Date.now(),
    isFromFlags: patient.app === undefined,
  };
}

async function lookOnce({ client, status }: Running, name: string): Promise<AppStatus> {
  return (await client.status(name)).apps[0] ?? status;
}

/** Of the ready ones: others are stopped by their manager for a moment while they drain. */
function pidsOf({ workers }: AppStatus): number[] {
  return workers.flatMap(({ state, pid }) => (state === "ready" && pid !== null ? [pid] : []));
}

function stoppedOf(status: AppStatus): number[] {
  return pidsOf(status).filter((pid) => viewProcess(pid)?.state === "T");
}

function waitingOf(
  status: AppStatus,
  address: Address | undefined,
  occupied: Occupied | undefined,
): number[] | undefined {
  const listener = address === undefined ? undefined : watchedAt(address, occupied?.listening[0]?.inode);
  if (listener === undefined) return undefined;
  const looks = pidsOf(status).map((pid) => [pid, onlyWaitsForClients(pid, listener)] as const);
  if (looks.some(([, waits]) => waits === undefined)) return undefined;
  return looks.filter(([, waits]) => waits === true).map(([pid]) => pid);
}

/** As the manager's own descriptor has it, which is the workers' too. */
function nonBlockingOf({ manager }: Running, occupied: Occupied | undefined): boolean | undefined {
  const holdings = occupied?.listening.flatMap((each) => each.holdings) ?? [];
  const holding = holdings.find(({ pid }) => pid === manager.pid) ?? holdings[0];
  return holding === undefined ? undefined : isNonBlockingIn(holding);
}
