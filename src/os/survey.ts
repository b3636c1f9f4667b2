/** What the workers of a pool do and use right now, in one pass over /proc: made for `status`. */
import { readFileSync } from "node:fs";
import { parseEnvironment, parseUsage, type Usage } from "../supervision/process-facts.ts";
import { parseStat } from "../supervision/readiness.ts";
import { connectionAt, mayHold, type Watched } from "./held-connections.ts";
import { pageSize } from "./posix.ts";
import { allPids, isGone, read, socketsOf } from "./proc-files.ts";
import type { Connections } from "./sockdiag.ts";

/** Of a worker and the processes of its session together. */
export interface WorkerFacts {
  /** Inodes of the accepted connections that they hold; undefined where the kernel does not tell. */
  readonly connections: readonly number[] | undefined;
  /** Memory that they share is counted in each. */
  readonly rssBytes: number;
  /** Children that have ended and were waited for included. */
  readonly cpuMs: number;
}

/** A worker that lives, with what is looked at together with it. */
interface Team {
  readonly pid: number;
  readonly members: Member[];
}

interface Member {
  readonly pid: number;
  readonly usage: Usage;
}

/**
 * By pid; who is gone is absent. 2 ms for 100 idle workers among 70 other processes, 3.5 ms where all are busy.
 */
export function surveyWorkers(
  pids: readonly number[],
  listener: Watched | undefined,
): ReadonlyMap<number, WorkerFacts> {
  const teams = teamsOf(pids);
  const connections = listener === undefined ? undefined : connectionsOf(teams, listener);
  const facts = teams.map(({ pid, members }): [number, WorkerFacts] => {
    const rssPages = sum(members.map(({ usage }) => usage.rssPages));
    const cpuMs = sum(members.map(({ usage }) => usage.cpuMs + usage.childrenCpuMs));
    const held = connections === undefined ? [] : connections.get(pid);
    return [pid, { connections: held, rssBytes: rssPages * pageSize(), cpuMs }];
  });
  return new Map(facts);
}

/** One process alone, its children not included: the manager itself. */
export function processFacts(pid: number): { readonly rssBytes: number; readonly cpuMs: number } | undefined {
  try {
    const { rssPages, cpuMs } = parseUsage(read(`/proc/${pid}/stat`));
    return { rssBytes: rssPages * pageSize(), cpuMs };
  } catch {
    return undefined;
  }
}

/** The environment that a process was started with; undefined where it is gone, or somebody else's. */
export function environmentOf(pid: number): Record<string, string> | undefined {
  try {
    return parseEnvironment(readFileSync(`/proc/${pid}/environ`));
  } catch {
    return undefined;
  }
}

/** Every process is read once: only its own stat file tells the session it belongs to. */
function teamsOf(pids: readonly number[]): Team[] {
  const teams = new Map(pids.map((pid) => [pid, { pid, members: [] as Member[] }]));
  for (const pid of allPids()) {
    const stat = tryRead(`/proc/${pid}/stat`);
    if (stat === undefined) continue;
    const { state, session } = parseStat(stat);
    const team = teams.get(pid) ?? teams.get(session);
    if (state !== "Z" && state !== "X") team?.members.push({ pid, usage: parseUsage(stat) });
  }
  return [...teams.values()].filter(({ pid, members }) => members.some((member) => member.pid === pid));
}

function tryRead(path: string): string | undefined {
  try {
    return read(path);
  } catch {
    return undefined;
  }
}

/** A busy worker goes from one connection to the next between the kernel's list and our look at its descriptors. */
const mostLooks = 4;

/** What a look at a worker's descriptors showed. */
interface Look {
  readonly team: Team;
  readonly sockets: ReadonlySet<number>;
  /** Those that are accepted connections; undefined where the kernel does not tell. */
  readonly held: number[] | undefined;
  /** Those that were not there at the look before. */
  readonly fresh: number[];
}

/**
 * Which worker holds which connections. One list of connections serves for all workers. Who then holds a socket that
 * was not there at the look before, and is not in the list, is looked at again with a new list: the socket may be a
 * connection that was accepted meanwhile. One that was there before the list was made is none.
 */
function connectionsOf(teams: readonly Team[], listener: Watched): Map<number, number[] | undefined> {
  const found = new Map<number, number[] | undefined>();
  let open = teams.map((team): Look => ({ team, sockets: new Set(), held: [], fresh: [] }));
  for (let look = 1; open.length > 0; look += 1) {
    const accepted = listener.connections();
    const seen = open.map((before) => lookAgain(before, accepted, listener));
    // Whoever holds a new socket at each look is at work on connections that are over before we have the list.
    for (const { team, held, fresh } of seen)
      found.set(team.pid, held?.length === 0 && look === mostLooks ? fresh : held);
    open = look === mostLooks ? [] : seen.filter(({ held, fresh }) => held?.length === 0 && fresh.length > 0);
  }
  return found;
}

function lookAgain({ team, sockets: before }: Look, accepted: Connections | undefined, listener: Watched): Look {
  if (accepted !== undefined && !mayHold(accepted, listener)) return { team, sockets: before, held: [], fresh: [] };
  const seen = accepted === undefined ? undefined : socketsOfTeam(team, accepted, listener);
  if (seen === undefined) return { team, sockets: before, held: undefined, fresh: [] };
  const fresh = [...seen.sockets].filter((inode) => !before.has(inode));
  return { team, sockets: seen.sockets, held: [...seen.held], fresh };
}

/** Inodes: all without the listener's, and those of connections; undefined where we may not see them. */
function socketsOfTeam({ members }: Team, accepted: Connections, listener: Watched) {
  const [sockets, held] = [new Set<number>(), new Set<number>()];
  for (const { pid } of members) {
    try {
      for (const [fd, inode] of socketsOf(pid)) {
        sockets.add(inode);
        if (connectionAt(pid, fd, inode, accepted, listener) !== undefined) held.add(inode);
      }
    } catch (error) {
      if (!isGone(error)) return undefined;
    }
  }
  sockets.delete(listener.inode);
  return { sockets, held };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
