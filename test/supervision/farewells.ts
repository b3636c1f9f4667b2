/**
 * Who leaves, and when (invariant 3 of architecture.md): nobody who serves is asked to go before there are more of them
 * than wanted, old ones go before new ones, and idle ones before busy ones.
 */
import type { Process, World } from "../helpers/world.ts";
import { isServing } from "./ledger.ts";
import type { Reloads } from "./reloads.ts";

const { min } = Math;

/** So long the answer to a survey counts. */
const freshMs = 100;

export class Farewells {
  readonly #reloads: Reloads;
  #isAsked = false;
  #answer: { readonly idle: readonly number[]; readonly atMs: number } | undefined;
  /** Those that served and were asked to go because of the event that is being dealt with. */
  #leaving: Process[] = [];

  constructor(reloads: Reloads) {
    this.#reloads = reloads;
  }

  /** The law asks who is idle. */
  survey(world: World, pids: readonly number[]): string | undefined {
    const { policy } = this.#reloads;
    const serving = this.#serving(world);
    if (this.#isAsked) return "asks who is idle while it has asked already";
    if (policy.drain === "signal") return "asks who is idle, although that does not matter";
    if (!this.#isChoice(serving)) return "asks who is idle, although there is no choice";
    this.#isAsked = true;
    return serving.every(({ pid }) => pids.includes(pid)) ? undefined : "does not ask about all who serve";
  }

  /** Some of the old ones have to go and others stay, or some of the wanted generation. */
  #isChoice(serving: readonly Process[]): boolean {
    const { size } = this.#reloads.wish;
    const [old, wanted] = this.#byAge(serving);
    const oldSurplus = min(old.length, serving.length - size);
    const surplus = wanted.length - size;
    return (oldSurplus > 0 && oldSurplus < old.length) || (surplus > 0 && surplus < wanted.length);
  }

  surveyed(idle: readonly number[], nowMs: number): void {
    this.#isAsked = false;
    this.#answer = { idle, atMs: nowMs };
  }

  /** Somebody who serves is about to be asked to go, or to be killed. */
  asked(world: World, process: Process): string | undefined {
    const { size } = this.#reloads.wish;
    this.#leaving.push(process);
    const serving = this.#serving(world).length;
    return serving > size ? undefined : `retires worker ${process.number} of ${serving} ready ones, ${size} are wanted`;
  }

  settled(world: World): string | undefined {
    const left = this.#leaving;
    this.#leaving = [];
    const serving = this.#serving(world);
    if (serving.length > this.#reloads.wish.size && !this.#isWaiting()) return "keeps more ready workers than wanted";
    if (left.length === 0) return undefined;
    const [leftOld, leftNew] = this.#byAge(left);
    const [stayOld, stayNew] = this.#byAge(serving);
    if (leftNew.length > 0 && stayOld.length > 0) return "retires a worker of the wanted generation before an old one";
    return this.#choice(world, leftOld, stayOld) ?? this.#choice(world, leftNew, stayNew);
  }

  /** The survey is under way, and its answer matters. */
  #isWaiting(): boolean {
    return this.#isAsked && this.#reloads.policy.drain === "idle";
  }

  #choice(world: World, left: readonly Process[], staying: readonly Process[]): string | undefined {
    if (left.length === 0 || staying.length === 0 || this.#reloads.policy.drain === "signal") return undefined;
    const answer = this.#answer;
    if (answer === undefined || world.nowMs > answer.atMs + freshMs) return "chooses without asking who is idle";
    const isIdle = ({ pid }: Process) => answer.idle.includes(pid);
    return left.every(isIdle) || !staying.some(isIdle) ? undefined : "retires a busy worker before an idle one";
  }

  #byAge(processes: readonly Process[]): [Process[], Process[]] {
    const isOld = (process: Process) => this.#reloads.isForeign(process);
    return [processes.filter(isOld), processes.filter((process) => !isOld(process))];
  }

  #serving(world: World): Process[] {
    return [...world.processes.values()].filter(isServing);
  }
}
