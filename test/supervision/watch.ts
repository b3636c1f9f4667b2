/**
 * Holds the law to what architecture.md says must hold after every event, and throws at the first breach. It believes
 * the law nothing: what is wanted it knows from the commands, who lives and serves from the world and from what is said.
 *
 * 1. Every live pid is in the table or has been sent SIGKILL: `#judge`.
 * 2. Never more than size + batch are alive, the surge only while another generation is there: `#spawn`.
 * 3. Nobody who serves is asked to go before there are more than wanted, idle ones first: farewells.ts.
 * 4. If workers become ready, exactly `size` of the wanted generation serve, and all rests: `atRest`.
 * 5. A reload that fails is taken back, each ends once and in time: reloads.ts, `atRest`.
 * 6. After a stop no spawn, and nobody is alive after the times: `#spawn`, `#endMs`, `atRest`.
 * 7. Spawns never exceed the backoff and the budget: ledger.ts.
 * 8. The listener stays open: it is not in this world, the law knows of none. The system tests see to it.
 */
import type { Notice, NoticeType } from "../../src/supervision/notice.ts";
import { type PoolEvent, type PoolPolicy, readyCount } from "../../src/supervision/pool.ts";
import { type Effect, isAlive, isLeaving, pidOf, type Worker } from "../../src/supervision/worker.ts";
import type { Nature, Process, Watcher, World } from "../helpers/world.ts";
import { longestLeaveMs, longestLingerMs, slackMs } from "./bounds.ts";
import { Farewells } from "./farewells.ts";
import { isServing, Ledger } from "./ledger.ts";
import { Reloads } from "./reloads.ts";

const { max, min } = Math;
const never = Number.POSITIVE_INFINITY;

/** An idle worker is killed so long after the stop signal. */
const idleKillMs = 2000;

export class Watch implements Watcher {
  readonly seen: Set<NoticeType>;
  readonly #nature: Nature;
  readonly #ledger: Ledger;
  readonly #reloads: Reloads;
  readonly #farewells: Farewells;
  readonly #retold = new Set<number>();
  readonly #longestLingerMs: number;
  readonly #longestLeaveMs: number;
  /** Since when whoever leaves is to end at once. */
  #hasteMs: number | undefined;
  #readyBefore = 0;
  #exiting: number | undefined;
  /** Alarms in a row that left something due at once. */
  #rings = 0;

  constructor(nature: Nature, seen: Set<NoticeType>) {
    const policy = nature.policies[0] as PoolPolicy;
    this.seen = seen;
    this.#nature = nature;
    this.#ledger = new Ledger(policy);
    this.#reloads = new Reloads(policy);
    this.#farewells = new Farewells(this.#reloads);
    this.#longestLingerMs = longestLingerMs(nature);
    this.#longestLeaveMs = longestLeaveMs(nature) + this.#longestLingerMs;
  }

  happens(world: World, event: PoolEvent): void {
    this.#readyBefore = readyCount(world.pool);
    this.#exiting = event.type === "exited" ? event.pid : undefined;
    if (event.type === "wanted") this.#wanted(world, event);
    if (event.type === "spawned") this.#spawned(world, event.pid);
    if (event.type === "refused") this.#refused(world, event.number);
    if (event.type === "surveyed") this.#farewells.surveyed(event.idle, world.nowMs);
    if (event.type === "exited") this.#ended(world, event);
    this.#reloads.begins(world);
  }

  #wanted(world: World, event: Extract<PoolEvent, { type: "wanted" }>): void {
    const renews = this.#reloads.wanted(event, world.nowMs);
    const { wish } = this.#reloads;
    this.#ledger.wanted(wish.size, world.nowMs);
    if (renews) this.#ledger.renewed();
    this.#ledger.policy = this.#reloads.policy;
    if (wish.haste !== "now") this.#hasteMs = undefined;
    else this.#hasteMs ??= world.nowMs;
  }

  #spawned(world: World, pid: number): void {
    this.#processOf(world, pid).knownMs = world.nowMs;
    this.#reloads.spawned();
  }

  #refused(world: World, number: number): void {
    this.#reloads.spawned();
    const spawning = world.pool.workers.find((worker) => worker.number === number);
    if (spawning?.state === "spawning") this.#failed(world, number, spawning.generation, spawning.spawnedMs);
  }

  #ended(world: World, event: Extract<PoolEvent, { type: "exited" }>): void {
    const process = world.processes.get(event.pid);
    if (process === undefined) return;
    process.reported = true;
    world.processes.delete(event.pid);
    const judgement = this.#ledger.judge(world, process, event);
    if (judgement === "failure") {
      this.#failed(world, process.number, process.generation, process.knownMs ?? world.nowMs);
    } else if (judgement !== "left") this.#ledger.succeeded(process, judgement, world.nowMs);
  }

  /** It did not get ready: that takes a reload back, or has to be waited for; of another generation it means nothing. */
  #failed(world: World, number: number, generation: number, spawnedMs: number): void {
    if (generation !== this.#reloads.wish.generation) return;
    if (!this.#takenBack(generation, number, world.nowMs)) this.#ledger.failed(world, number, spawnedMs);
  }

  #takenBack(generation: number, number: number, nowMs: number): boolean {
    const isTakenBack = this.#reloads.failed(generation, number, nowMs);
    if (isTakenBack) this.#ledger.takenBack(this.#reloads.policy, nowMs);
    return isTakenBack;
  }

  asked(world: World, effect: Effect): void {
    if (effect.type === "spawn") this.#spawn(world, effect);
    else if (effect.type === "notice") this.#notice(world, effect.notice);
    else if (effect.type === "look") this.#look(world, effect);
    else if (effect.type === "survey") mustNot(this.#farewells.survey(world, effect.pids));
    else this.#signal(world, effect);
  }

  /** Invariants 2, 5 and 6: never too many, never of a generation that failed, never after a stop. */
  #spawn(world: World, { number, generation }: Extract<Effect, { type: "spawn" }>): void {
    const { wish } = this.#reloads;
    must(wish.size > 0, "spawns after stop");
    must(generation === wish.generation, `spawns generation ${generation}, wanted is ${wish.generation}`);
    const most = this.#mostAlive(world);
    must(world.living < most, `spawns although ${world.living} of ${most} are alive`);
    const staying = [...world.processes.values()].filter(
      (process) => process.askedMs === undefined && !this.#reloads.isForeign(process),
    );
    must(staying.length < wish.size, `spawns although ${staying.length} of ${wish.size} places are taken`);
    this.#reloads.spawns(generation);
    mustNot(this.#ledger.spawned(world, number, readyCount(world.pool) > 0));
  }

  /** One batch more than wanted while a worker of another generation than the wanted one is there. */
  #mostAlive(world: World): number {
    const { size, batch } = this.#reloads.wish;
    const surges = [...world.processes.values()].some((process) => this.#reloads.isForeign(process));
    return surges ? size + batch : size;
  }

  #notice(world: World, notice: Notice): void {
    this.seen.add(notice.type);
    this.#reloads.says(notice);
    if (notice.type === "pool.ready") this.#ledger.completed(world.nowMs);
    if (notice.type === "worker.late") this.#late(world, this.#processOf(world, notice.pid));
    if (notice.type === "worker.ready") this.#ready(world, this.#processOf(world, notice.pid));
  }

  #late(world: World, process: Process): void {
    const { startTimeoutMs } = this.#reloads.policy;
    must(world.nowMs >= (process.knownMs ?? never) + startTimeoutMs, `calls worker ${process.number} late too soon`);
    process.lateMs = world.nowMs;
    this.#takenBack(process.generation, process.number, world.nowMs);
  }

  #ready(world: World, process: Process): void {
    process.readyMs = world.nowMs;
    const { startGraceMs } = this.#reloads.policy;
    const unseen = this.#nature.sight !== "seen" && world.nowMs - (process.knownMs ?? world.nowMs) >= startGraceMs;
    must(unseen || world.hasBooted(process), `calls worker ${process.number} ready that is not`);
    this.#ledger.sawReady(world.nowMs);
    if (this.#readyBefore === 0) this.#ledger.gotReady(world.nowMs);
  }

  #look(world: World, effect: Extract<Effect, { type: "look" }>): void {
    if (effect.hold) this.#leaves(world, this.#processOf(world, effect.pid));
  }

  #signal(world: World, effect: Extract<Effect, { type: "signal" }>): void {
    if (effect.pid === this.#exiting) must(effect.signal === "SIGKILL" && effect.group, "signals a dead worker");
    if (effect.pid === this.#exiting || effect.signal === "SIGCONT") return;
    const process = this.#processOf(world, effect.pid);
    this.#leaves(world, process);
    if (effect.signal === "SIGKILL") this.#kill(world, process);
    else this.#stop(world, process);
  }

  /** The first that a worker feels of it when it has to leave. */
  #leaves(world: World, process: Process): void {
    if (isServing(process)) mustNot(this.#farewells.asked(world, process));
    process.askedMs ??= world.nowMs;
  }

  #stop(world: World, process: Process): void {
    const { nowMs } = world;
    const { drain, drainTimeoutMs } = this.#reloads.policy;
    const again = process.signalledMs !== undefined;
    process.signalledMs ??= nowMs;
    if (again && this.#nature.sight === "seen") this.#sayAgain(world, process);
    if (again || process.lateMs !== undefined || drain === "signal" || this.#nature.sight !== "seen") return;
    const outstayed = nowMs - (process.askedMs ?? nowMs) >= drainTimeoutMs;
    must(outstayed || !world.isBusy(process), `sends the stop signal to the busy worker ${process.number}`);
  }

  /** To one that stands still and holds nothing; and then once to the running one, which has outlived it. */
  #sayAgain(world: World, process: Process): void {
    const isEcho = process.state !== "stopped" && this.#retold.delete(process.pid);
    must(isEcho || !world.isBusy(process), `says the stop signal again to the busy worker ${process.number}`);
    if (!isEcho) this.#retold.add(process.pid);
  }

  #kill(world: World, process: Process): void {
    const { nowMs } = world;
    if (this.#hasteMs !== undefined || process.killedMs !== undefined) return;
    must(process.signalledMs !== undefined, `kills worker ${process.number} unasked`);
    const waitedMs = nowMs - (process.signalledMs ?? nowMs);
    if (waitedMs >= this.#reloads.policy.stopTimeoutMs) return;
    must(waitedMs >= idleKillMs, `kills worker ${process.number} too soon`);
    must(!world.isBusy(process), `kills the busy worker ${process.number}`);
  }

  settled(world: World, event: PoolEvent): void {
    const { workers } = world.pool;
    for (const process of world.processes.values()) this.#judge(world, process);
    const staying = workers.filter((worker) => !isLeaving(worker) || this.#isLate(world, worker));
    must(staying.length >= this.#reloads.wish.size, "gives up slots that are wanted");
    const isTwice = (number: number, at: number) => workers.findIndex((other) => other.number === number) < at;
    must(!workers.some(({ number }, at) => isTwice(number, at)), "gives a number twice");
    this.#lookForIdlers(world);
    // Whoever has to leave because of an alarm, with no time to drain, is due at once.
    this.#rings = event.type === "alarm" && world.alarmMs <= world.nowMs ? this.#rings + 1 : 0;
    must(this.#rings < 3, "rings for ever");
    mustNot(this.#farewells.settled(world));
    mustNot(this.#reloads.settled(world));
    mustNot(this.#ledger.sync(world));
    this.#lookForDelay(world);
  }

  /** Who follows a late one waits for its end: it keeps its place. */
  #isLate(world: World, worker: Worker): boolean {
    const process = world.processes.get(pidOf(worker) ?? 0);
    return process?.lateMs !== undefined && !this.#reloads.isForeign(process);
  }

  /** Whoever is not ready and not wanted has been asked to leave. */
  #lookForIdlers(world: World): void {
    const staying = [...world.processes.values()].filter(
      ({ knownMs, askedMs, readyMs }) => knownMs !== undefined && askedMs === undefined && readyMs === undefined,
    );
    const wanted = staying.filter((process) => !this.#reloads.isForeign(process));
    must(wanted.length === staying.length, "keeps a worker that starts and is of no use");
    const places = wanted.length + this.#reloads.renewed(world);
    must(wanted.length === 0 || places <= this.#reloads.wish.size, "keeps more workers than wanted");
  }

  /** Invariants 1 and 6, and that every time has its end. */
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
    must(world.nowMs <= this.#endMs(process), `lets worker ${number} outstay its time`);
  }

  /** Until when a process that was asked to leave may live, and one that does not get ready may start. */
  #endMs({ askedMs, knownMs, readyMs }: Process): number {
    if (knownMs === undefined) return never;
    const { startTimeoutMs } = this.#reloads.policy;
    if (askedMs === undefined) {
      return readyMs === undefined ? max(knownMs + startTimeoutMs, this.#reloads.policyMs) + slackMs : never;
    }
    const hurriedMs = max(this.#hasteMs ?? never, knownMs, askedMs) + this.#longestLingerMs;
    return min(askedMs + this.#longestLeaveMs, hurriedMs) + 2 * slackMs;
  }

  /** While there is room no slot stays empty longer than the rules of restarting say. */
  #lookForDelay(world: World): void {
    const alive = world.pool.workers.filter(isAlive);
    if (alive.length >= this.#mostAlive(world) || alive.some((worker) => worker.state === "spawning")) return;
    mustNot(this.#ledger.overdue(world, readyCount(world.pool) > 0, slackMs));
  }

  /** What must be so when nothing is to come any more (invariants 4 and 6). */
  atRest(world: World): void {
    const { size } = this.#reloads.wish;
    const processes = [...world.processes.values()];
    must(world.alarmMs === never, "does not rest");
    must(world.living === size, `rests with ${world.living} of ${size} processes`);
    must(
      this.#reloads.renewed(world) === size && world.pool.workers.length === size,
      `rests without ${size} ready workers of the wanted generation`,
    );
    must(!this.#reloads.isUnderWay, "rests in the middle of a reload");
    must(
      processes.every((process) => process.state === "runs"),
      "rests with a stopped process",
    );
  }

  /** The generation that was asked for last is the wanted one. */
  isRenewed(world: World): boolean {
    return this.#reloads.wish.generation === world.lastGeneration;
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

/** Others complain in words, or have nothing to say. */
function mustNot(complaint: string | undefined): void {
  if (complaint !== undefined) throw new Error(`The law ${complaint}`);
}
