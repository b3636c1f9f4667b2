/** Does anybody take connections at an address, here or on another machine? Asked once, when somebody wants to know. */
import { ADDRCONFIG, type LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { connect, isIP, type LookupFunction } from "node:net";
import { formatDuration } from "../units.ts";
import { listenersAt, type Place } from "./listening.ts";
import { unixQueueOf } from "./sockdiag.ts";

export type Reach =
  /** Null: the kernel told it, nobody was connected to. */
  | { readonly isReachable: true; readonly connectMs: number | null }
  | { readonly isReachable: false; readonly reason: string };

/** How long a connection may take: on the networks where FastCGI is spoken it is a matter of milliseconds. */
const usualTimeoutMs = 1000;

/** It is counted in so many parts: a process that stood still meanwhile, and has heard nothing, loses one of them at most. */
const timeoutParts = 10;

/**
 * On this machine the kernel knows who listens; only where it does not tell (another machine, a container with a network
 * of its own) there is one connection that is closed at once. Some programs do not bear that: Ruby's FCGI ends.
 */
export async function reach(place: Place, { timeoutMs = usualTimeoutMs } = {}): Promise<Reach> {
  return lookInKernel(place) ?? (await knock(place, timeoutMs));
}

/** Undefined: the kernel knows of nobody. */
function lookInKernel(place: Place): Reach | undefined {
  const listeners = tryListeners(place);
  if (listeners.length === 0) return undefined;
  const queues = place.kind === "unix" ? listeners.flatMap(({ inode }) => unixQueueOf(inode) ?? []) : [];
  const full = queues.find(({ length, limit }) => length > 0 && length >= limit);
  if (full === undefined) return { isReachable: true, connectMs: null };
  return { isReachable: false, reason: `its queue is full: ${full.length} connections wait` };
}

function tryListeners(place: Place): ReturnType<typeof listenersAt> {
  try {
    return listenersAt(place);
  } catch {
    return []; // a directory above it is closed to us: the connection says so
  }
}

/**
 * Names that are being looked up. A name server that does not answer keeps one of Node's few threads for seconds: whoever
 * asks for the status each second does not make it more of them.
 */
const lookups = new Map<string, Promise<LookupAddress[]>>();

function lookUpOnce(host: string): Promise<LookupAddress[]> {
  const there = lookups.get(host) ?? lookup(host, { all: true, hints: ADDRCONFIG }).finally(() => lookups.delete(host));
  lookups.set(host, there);
  return there;
}

/** As `connect` wants to have it, with its own hints. */
const lookUp: LookupFunction = (host, { all }, done) => {
  lookUpOnce(host).then(
    (found) => (all === true ? done(null, found) : done(null, found[0]?.address ?? "", found[0]?.family)),
    (error: NodeJS.ErrnoException) => done(error, ""),
  );
};

function knock(place: Place, timeoutMs: number): Promise<Reach> {
  const startedAt = performance.now();
  const options = place.kind === "unix" ? { path: place.path } : { host: place.host, port: place.port, lookup: lookUp };
  return new Promise((resolve) => {
    const socket = connect(options);
    let waitsFor =
      place.kind === "tcp" && isIP(place.host) === 0 ? "the name of the host was not found" : "no connection";
    socket.once("lookup", () => {
      waitsFor = "no connection";
    });
    const end = (outcome: Reach) => {
      clearInterval(alarm);
      socket.destroy();
      resolve(outcome);
    };
    const late = () => end({ isReachable: false, reason: `${waitsFor} within ${formatDuration(timeoutMs)}` });
    // A timer of our own: that of the socket does not count the time that the look-up of a name takes.
    let parts = 0;
    const alarm = setInterval(() => {
      parts += 1;
      if (parts === timeoutParts) late();
    }, timeoutMs / timeoutParts);
    socket.once("connect", () => end({ isReachable: true, connectMs: Math.round(performance.now() - startedAt) }));
    socket.on("error", (error: NodeJS.ErrnoException) => end({ isReachable: false, reason: explain(error) }));
  });
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no socket",
  ECONNREFUSED: "nobody listens there",
  EACCES: "no right to connect",
  EPERM: "no right to connect",
  EAGAIN: "its queue is full",
  ENOTFOUND: "nobody knows the name of the host",
  EAI_AGAIN: "the name of the host cannot be looked up now",
  EHOSTUNREACH: "no way to the host",
  ENETUNREACH: "no way to its network",
  ETIMEDOUT: "no answer from the host",
};

function explain({ code = "", message }: NodeJS.ErrnoException): string {
  return reasons[code] ?? message;
}
