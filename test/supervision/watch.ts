/** Holds the law to what architecture.md says must hold after every event. Throws at the first breach. */
import type { NoticeType } from "../../src/supervision/notice.ts";
import { type PoolEvent, readyCount } from "../../src/supervision/pool.ts";
import { type Effect, isAlive, isLeaving, pidOf } from "../../src/supervision/worker.ts";
import { latestNewsMs, latestRingMs, type Nature, type Process, type Watcher, type World } from "../helpers/world.ts";
import { Ledger } from "./ledger.ts";

const { max, min } = Math;
const never = Number.POSITIVE_INFINITY;

/** The alarm may ring late, and the sum of some times is a hair more than its parts. */
const slackMs = latestRingMs + 1;
/** An idle worker is killed so long after the stop signal. */
const idleKillMs = 2000;

export class Watch implements Watcher {
  readonly seen: Set<NoticeType>;
  readonly #ledger: Ledger;
  readonly #longestLingerMs: number;
  /** Since when everybody is to end at once. */
  #hasteMs: number | undefined;
  #readyBefore = 0;
  #exiting: number | undefined;

  constructor(nature: Nature, seen: Set<NoticeType>) {
    this.seen = seen;
    this.#ledger = new Ledger(nature.policy);
    this.#longestLingerMs = max(...nature.fates.map((fate) => fate.lingersMs));
  }

  happens(world: World, event: PoolEvent): void {
    this.#readyBefore = readyCount(world.pool);
    this.#exiting = event.type === "exited" ? event.pid : undefined;
    if (event.type === "wanted") this.#wanted(world, event);
    if (event.type === "spawned") this.#processOf(world, event.pid).knownMs = world.nowMs;
    if (event.type === "refused") this.#refused(world, event.number);
    if (event.type === "exited") this.#ended(world, event);
  }

  #wanted(world: World, event: Extract<PoolEvent, { type: "wanted" }>): void {
    this.#ledger.wanted(event.wish.size, world.nowMs);
    if (event.wish.haste !== "now") this.#hasteMs = undefined;
    else this.#hasteMs ??= world.nowMs;
  }

  #refused(world: World, number: number): void {
    const spawning = world.pool.workers.find((worker) => worker.number === number);
    if (spawning?.state === "spawning") this.#ledger.failed(world, number, spawning.spawnedMs);
  }

  #ended(world: World, event: Extract<PoolEvent, { type: "exited" }>): void {
    const process = world.processes.get(event.pid);
    if (process === undefined) return;
    process.reported = true;
    world.processes.delete(event.pid);
    this.#ledger.ended(world, process, event);
  }

  asked(world: World, effect: Effect): void {
    if (effect.type === "spawn") this.#spawn(world, effect.number);
    else if (effect.type === "notice") this.#notice(world, effect);
    else if (effect.type === "look") this.#look(world, effect);
    else this.#signal(world, effect);
  }

  #spawn(world: World, number: number): void {
    const { size, haste } = world.pool.wish;
    must(size > 0 && haste === "gracefully", "spawns after stop");
    must(world.living < size, `spawns although ${world.living} of ${size} are alive`);
    const complaint = this.#ledger.spawned(world, number, readyCount(world.pool) > 0);
    must(complaint === undefined, String(complaint));
  }

  #notice(world: World, effect: Extract<Effect, { type: "notice" }>): void {
    const { notice } = effect;
    this.seen.add(notice.type);
    if (notice.type === "pool.ready") this.#ledger.completed();
    if (notice.type === "worker.late") this.#processOf(world, notice.pid).lateMs = world.nowMs;
    if (notice.type === "worker.ready") this.#ready(world, this.#processOf(world, notice.pid));
  }

  #ready(world: World, process: Process): void {
    process.readyMs = world.nowMs;
    const { sight, policy } = world.nature;
    const unseen = sight !== "seen" && world.nowMs - (process.knownMs ?? world.nowMs) >= policy.startGraceMs;
    must(unseen || world.hasBooted(process), `calls worker ${process.number} ready that is not`);
    this.#ledger.sawReady(world.nowMs);
    if (this.#readyBefore === 0) this.#ledger.gotReady(world.nowMs);
  }

  #look(world: World, effect: Extract<Effect, { type: "look" }>): void {
    const process = this.#processOf(world, effect.pid);
    if (effect.hold) process.askedMs ??= world.nowMs;
  }

  #signal(world: World, effect: Extract<Effect, { type: "signal" }>): void {
    if (effect.pid === this.#exiting) must(effect.signal === "SIGKILL" && effect.group, "signals a dead worker");
    if (effect.pid === this.#exiting || effect.signal === "SIGCONT") return;
    const process = this.#processOf(world, effect.pid);
    if (effect.signal === "SIGKILL") this.#kill(world, process);
    else this.#stop(world, process);
    process.askedMs ??= world.nowMs;
  }

  #stop(world: World, process: Process): void {
    const { nowMs, nature } = world;
    process.askedMs ??= nowMs;
    const again = process.signalledMs !== undefined;
    process.signalledMs ??= nowMs;
    if (again || process.lateMs !== undefined || nature.policy.drain === "signal" || nature.sight !== "seen") return;
    const outstayed = nowMs - process.askedMs >= nature.policy.drainTimeoutMs;
    must(outstayed || !world.isBusy(process), `sends the stop signal to the busy worker ${process.number}`);
  }

  #kill(world: World, process: Process): void {
    const { nowMs, nature } = world;
    if (this.#hasteMs !== undefined || process.killedMs !== undefined) return;
    must(process.signalledMs !== undefined, `kills worker ${process.number} unasked`);
    const waitedMs = nowMs - (process.signalledMs ?? nowMs);
    if (waitedMs >= nature.policy.stopTimeoutMs) return;
    must(waitedMs >= idleKillMs, `kills worker ${process.number} too soon`);
    must(!world.isBusy(process), `kills the busy worker ${process.number}`);
  }

  settled(world: World, event: PoolEvent): void {
    const { workers, wish } = world.pool;
    const staying = workers.filter((worker) => !isLeaving(worker));
    const serving = staying.filter((worker) => worker.state === "starting" || worker.state === "ready");
    must(staying.length >= wish.size, "gives up slots that are wanted");
    must(serving.length <= wish.size, "keeps more workers than wanted");
    for (const process of world.processes.values()) this.#judge(world, process);
    must(event.type !== "alarm" || world.alarmMs > world.nowMs, "rings for ever");
    this.#ledger.sync(world);
    this.#lookForDelay(world);
  }

  #judge(world: World, process: Process): void {
    const { pid, number, knownMs, killedMs, holds } = process;
    const worker = world.pool.workers.find((one) => pidOf(one) === pid);
    if (worker !== undefined && isLeaving(worker)) process.askedMs ??= world.nowMs;
    if (process.state === "dead") return;
    must(
      worker !== undefined || knownMs === undefined || killedMs !== undefined,
      `has lost worker ${number}, pid ${pid}`,
    );
    must(process.state !== "stopped" || holds > 0 || killedMs !== undefined, `leaves worker ${number} stopped`);
    must(world.nowMs <= this.#endMs(world.nature, process), `lets worker ${number} outstay its time`);
  }

  /** Until when a process that was asked to leave may live. */
  #endMs(nature: Nature, process: Process): number {
    const askedMs = process.askedMs ?? never;
    const { drainTimeoutMs, stopTimeoutMs } = nature.policy;
    const graceMs = drainTimeoutMs + stopTimeoutMs;
    const hurriedMs = max(this.#hasteMs ?? never, process.knownMs ?? never);
    return min(askedMs + graceMs, hurriedMs) + this.#longestLingerMs + 2 * slackMs;
  }

  /** While there is room no slot stays empty longer than the rules of restarting say. */
  #lookForDelay(world: World): void {
    const { workers, wish } = world.pool;
    const alive = workers.filter(isAlive);
    if (alive.length >= wish.size || alive.some((worker) => worker.state === "spawning")) return;
    const complaint = this.#ledger.overdue(world, readyCount(world.pool) > 0, slackMs);
    must(complaint === undefined, String(complaint));
  }

  /** What must be so when nothing is to come any more. */
  atRest(world: World): void {
    const { size } = world.pool.wish;
    const processes = [...world.processes.values()];
    must(world.alarmMs === never, "does not rest");
    must(world.living === size, `rests with ${world.living} of ${size} processes`);
    must(readyCount(world.pool) === size && world.pool.workers.length === size, `rests without ${size} ready workers`);
    must(
      processes.every((process) => process.state === "runs"),
      "rests with a stopped process",
    );
  }

  /** How long the world may take to come to rest once it has calmed down. */
  static longestUnrestMs(nature: Nature): number {
    const { startTimeoutMs, startGraceMs, stopTimeoutMs, drainTimeoutMs, maxRestartDelayMs } = nature.policy;
    const lingerMs = max(...nature.fates.map((fate) => fate.lingersMs));
    const leaveMs = startTimeoutMs + drainTimeoutMs + stopTimeoutMs + lingerMs;
    return 2 * leaveMs + 2 * maxRestartDelayMs + 10 * (startGraceMs + latestNewsMs + slackMs) + 60_000;
  }

  #processOf(world: World, pid: number): Process {
    const process = world.processes.get(pid);
    if (process === undefined) throw new Error(`The law addresses pid ${pid}, which is not a worker of it`);
    return process;
  }
}

function must(holds: boolean, breach: string): asserts holds {
  if (!holds) throw new Error(`The law ${breach}`);
}
