/**
 * What is wanted, and the rolling reload under way, kept a second time from the commands and from what happens in the
 * world (invariant 5 of architecture.md): it foretells every notice of a roll, so that none is missing and none too many.
 */
import type { Notice } from "../../src/supervision/notice.ts";
import type { PoolEvent, PoolPolicy, Wish } from "../../src/supervision/pool.ts";
import type { Process, World } from "../helpers/world.ts";
import { isServing } from "./ledger.ts";

const { round } = Math;

interface Reload {
  /** In the second phase all new ones are ready and the old ones are on their way out: it is not taken back any more. */
  phase: "replacing" | "leaving";
  readonly from: number;
  readonly policy: PoolPolicy;
  readonly beganMs: number;
}

export class Reloads {
  wish: Wish = { size: 0, generation: 1, batch: 1, haste: "gracefully" };
  policy: PoolPolicy;
  /** Since when this policy holds. */
  policyMs = Number.NEGATIVE_INFINITY;
  #reload: Reload | undefined;
  /** The generation of the spawn that is under way. */
  #spawning: number | undefined;
  #foretold: string[] = [];
  #said: string[] = [];
  #servingBefore = 0;

  constructor(policy: PoolPolicy) {
    this.policy = policy;
  }

  get isUnderWay(): boolean {
    return this.#reload !== undefined;
  }

  /** True where another generation is wanted now. */
  wanted(event: Extract<PoolEvent, { type: "wanted" }>, nowMs: number): boolean {
    const { wish, policy } = this;
    this.wish = { ...wish, ...event.wish };
    this.#adopt(event.policy ?? policy, nowMs);
    const renews = this.wish.generation !== wish.generation;
    if (this.wish.size === 0) {
      if (this.#reload !== undefined) this.#foretold.push(`roll.given-up ${wish.generation}`);
      this.#reload = undefined;
    } else if (renews && wish.size > 0) {
      const goesOn = this.#reload?.phase === "replacing" ? this.#reload : { from: wish.generation, policy };
      this.#reload = { ...goesOn, phase: "replacing", beganMs: nowMs };
      this.#foretold.push(`roll.began ${this.wish.generation} from ${goesOn.from}, ${this.wish.size}`);
    }
    return renews;
  }

  /** A worker of this generation did not get ready. True where that takes the reload back. */
  failed(generation: number, number: number, nowMs: number): boolean {
    if (this.#reload?.phase !== "replacing" || generation !== this.wish.generation) return false;
    const { from, policy } = this.#reload;
    this.#foretold.push(`roll.taken-back ${generation} to ${from}, ${number}`);
    this.wish = { ...this.wish, generation: from };
    this.#adopt(policy, nowMs);
    this.#reload = undefined;
    return true;
  }

  #adopt(policy: PoolPolicy, nowMs: number): void {
    if (policy !== this.policy) this.policyMs = nowMs;
    this.policy = policy;
  }

  spawns(generation: number): void {
    this.#spawning = generation;
  }

  spawned(): void {
    this.#spawning = undefined;
  }

  says(notice: Notice): void {
    if (notice.type.startsWith("roll.")) this.#said.push(wordsOf(notice));
  }

  /** The last moment before the law hears of an event, but after what that changes in the wish. */
  begins(world: World): void {
    this.#servingBefore = this.renewed(world);
  }

  /** After each event. The complaint: what should be wanted, or should have been said. */
  settled(world: World): string | undefined {
    this.#follow(world);
    const { wish, policy } = world.pool;
    const isMeant = wish.size === this.wish.size && wish.generation === this.wish.generation;
    const said = this.#said.join("; ");
    const foretold = this.#foretold.join("; ");
    this.#said = [];
    this.#foretold = [];
    if (said !== foretold) return `says "${said}" of the roll, not "${foretold}"`;
    if (!isMeant || wish.batch !== this.wish.batch || wish.haste !== this.wish.haste) return "has another wish";
    return policy === this.policy ? undefined : "follows another policy than the one of the wanted generation";
  }

  #follow(world: World): void {
    const reload = this.#reload;
    if (reload === undefined) return;
    const { generation, size } = this.wish;
    const tookMs = round(world.nowMs - reload.beganMs);
    const done = this.renewed(world);
    const advances = reload.phase === "replacing" && done > this.#servingBefore;
    if (advances) this.#foretold.push(`roll.advanced ${generation}, ${done} of ${size}`);
    if (done < size) return;
    const others = [...world.processes.values()].filter((process) => this.isForeign(process));
    const spawnsOther = this.#spawning !== undefined && this.#spawning !== generation;
    if (others.length === 0 && !spawnsOther) {
      this.#foretold.push(`roll.done ${generation}, ${size}, ${tookMs} ms`);
      this.#reload = undefined;
    } else if (!spawnsOther && others.every((process) => process.askedMs !== undefined)) reload.phase = "leaving";
  }

  isForeign(process: Process): boolean {
    return process.generation !== this.wish.generation;
  }

  /** How many serve that are of the wanted generation. */
  renewed(world: World): number {
    return [...world.processes.values()].filter((process) => isServing(process) && !this.isForeign(process)).length;
  }
}

function wordsOf(notice: Notice): string {
  switch (notice.type) {
    case "roll.began":
      return `${notice.type} ${notice.generation} from ${notice.from}, ${notice.size}`;
    case "roll.advanced":
      return `${notice.type} ${notice.generation}, ${notice.done} of ${notice.size}`;
    case "roll.done":
      return `${notice.type} ${notice.generation}, ${notice.size}, ${notice.tookMs} ms`;
    case "roll.taken-back":
      return `${notice.type} ${notice.generation} to ${notice.to}, ${notice.number}`;
    case "roll.given-up":
      return `${notice.type} ${notice.generation}`;
    default:
      return notice.type;
  }
}
