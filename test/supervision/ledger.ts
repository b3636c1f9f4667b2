/**
 * The rules of restarting (interface.md; invariant 7 of architecture.md) kept a second time, from what happens in the world and what the law says, so
 * that the law can be held to them: when may a slot be filled, and when must it be.
 */
import type { PoolEvent, PoolPolicy } from "../../src/supervision/pool.ts";
import type { Process, World } from "../helpers/world.ts";

interface Claim {
  readonly cause: "new" | "recycled" | "death" | "failure";
  readonly sinceMs: number;
  /** Not before the first, and not after the second: what lies between is the jitter. */
  readonly earliestMs: number;
  readonly latestMs: number;
}

/** How a process ended, as the rules of restarting see it. */
export type Judgement = "left" | "recycled" | "death" | "failure";

const longAgo = Number.NEGATIVE_INFINITY;
const { max, min } = Math;
const jitter = 0.25;

export class Ledger {
  /** The one that holds now. */
  policy: PoolPolicy;
  readonly #claims = new Map<number, Claim>();
  #tokens = 10;
  #tokensMs = 0;
  #size = 0;
  #failures = 0;
  #failedMs = longAgo;
  /** Nobody is tried before this while nobody is ready. */
  #pause = { earliestMs: longAgo, latestMs: longAgo };
  #spawnedMs = longAgo;
  #complete = false;
  #readyMs = longAgo;
  /** When it was last changed what is wanted: some of those who were there before may have no place any more. */
  #changedMs = longAgo;
  /** Whose early death is being dealt with. */
  #failing: number | undefined;

  constructor(policy: PoolPolicy) {
    this.policy = policy;
  }

  wanted(size: number, nowMs: number): void {
    this.#fill(nowMs);
    const starts = this.#size === 0 && size > 0;
    this.#changedMs = nowMs;
    this.#size = size;
    if (!starts) return;
    this.#tokens = this.#burst();
    this.#complete = false;
    this.#calm();
  }

  /** The generation before, and its policy, are wanted again. */
  takenBack(policy: PoolPolicy, nowMs: number): void {
    this.policy = policy;
    this.#changedMs = nowMs;
  }

  /** What failed before another generation was wanted is no reason to wait, and nobody's place is kept. */
  renewed(): void {
    this.#claims.clear();
    this.#calm();
  }

  #calm(): void {
    this.#failures = 0;
    this.#pause = { earliestMs: longAgo, latestMs: longAgo };
    this.#readyMs = longAgo;
  }

  /**
   * What the end of a process means. What was asked to leave leaves no claim, unless it came late to its duty. Exit 0 is
   * no failure to start where others of its generation are ready, or were less than min-server-life ago.
   */
  judge(world: World, process: Process, event: Extract<PoolEvent, { type: "exited" }>): Judgement {
    const { nowMs } = world;
    if (process.askedMs !== undefined && process.lateMs === undefined) return "left";
    const cleanly = event.exit.code === 0;
    if (process.readyMs !== undefined) {
      const bootMs = process.readyMs - (process.knownMs ?? nowMs);
      return cleanly && nowMs - process.readyMs >= max(bootMs, 10) ? "recycled" : "death";
    }
    const siblings = readyOnes(world, process).filter(({ generation }) => generation === process.generation);
    const isProven = siblings.length > 0 || nowMs - this.#readyMs < this.policy.minServerLifeMs;
    return cleanly && process.lateMs === undefined && isProven ? "death" : "failure";
  }

  /** Who served is followed at once, at the price of a token if it did not recycle itself. */
  succeeded(process: Process, cause: "recycled" | "death", nowMs: number): void {
    this.healed(process.knownMs ?? nowMs, nowMs);
    this.#claims.set(process.number, { cause, sinceMs: nowMs, earliestMs: nowMs, latestMs: nowMs });
  }

  /** One that was spawned after the last failure has lived long enough. */
  healed(knownMs: number, nowMs: number): void {
    if (nowMs - knownMs >= this.policy.minServerLifeMs && knownMs >= this.#failedMs) this.#failures = 0;
  }

  /** It did not get ready, or could not even be spawned. Those that were there when another failed are of its batch. */
  failed(world: World, number: number, spawnedMs: number): void {
    const { nowMs } = world;
    this.healed(spawnedMs, nowMs);
    if (spawnedMs > this.#changedMs) this.#failing = number;
    const lasting = readyOnes(world).some(
      ({ knownMs = nowMs }) => knownMs >= this.#failedMs && nowMs - knownMs >= this.policy.minServerLifeMs,
    );
    if (lasting) this.#failures = 0;
    if (this.#failures > 0 && spawnedMs < this.#failedMs) {
      this.#pause = {
        earliestMs: max(nowMs, this.#pause.earliestMs),
        latestMs: max(nowMs, this.#pause.latestMs),
      };
    } else {
      this.#failures += 1;
      this.#failedMs = nowMs;
      this.#pause = { earliestMs: nowMs + this.#delayMs(0), latestMs: nowMs + this.#delayMs(jitter) };
    }
    this.#claims.set(number, { cause: "failure", sinceMs: nowMs, ...this.#pause });
  }

  /** Somebody got ready, the first or one of many. */
  sawReady(nowMs: number): void {
    this.#readyMs = nowMs;
  }

  /** The first that gets ready shows that the program starts. */
  gotReady(nowMs: number): void {
    if (this.#failures === 0) return;
    this.#pause = { earliestMs: longAgo, latestMs: longAgo };
    for (const [number, claim] of this.#claims) {
      const latestMs = min(claim.latestMs, nowMs);
      this.#claims.set(number, { ...claim, earliestMs: min(claim.earliestMs, nowMs), latestMs });
    }
  }

  /** From now on new slots do not wait for each other. */
  completed(nowMs: number): void {
    this.#complete = true;
    for (const [number, claim] of this.#claims) {
      if (claim.cause === "new") this.#claims.set(number, { ...claim, latestMs: max(claim.latestMs, nowMs) });
    }
  }

  /** Why this spawn is against the rules; undefined for a lawful one, which is paid for. */
  spawned(world: World, number: number, anyReady: boolean): string | undefined {
    const { nowMs } = world;
    const claim = this.#claims.get(number) ?? newClaim(nowMs);
    this.#claims.delete(number);
    if (this.#failing === number) this.#failing = undefined;
    this.#fill(nowMs);
    const earliestMs = this.#dueMs(claim, anyReady, "earliestMs");
    this.#spawnedMs = nowMs;
    if (claim.cause === "death" && this.#tokens < 1 - 1e-6) return "spends more than the budget";
    if (claim.cause === "death") this.#tokens -= 1;
    if (nowMs < earliestMs - 1e-6) return `spawns ${earliestMs - nowMs} ms before its time (${claim.cause})`;
    return this.#needsScout(world, claim, anyReady, number) ? "sends a second scout" : undefined;
  }

  /**
   * Keeps the claims that still have their slot, and notes new slots. The complaint: one that has just failed has lost
   * its slot to a new one, which does not wait.
   */
  sync(world: World): string | undefined {
    const slots = world.pool.workers.filter((worker) => worker.state === "backoff");
    for (const number of this.#claims.keys()) {
      if (!slots.some((slot) => slot.number === number)) this.#claims.delete(number);
    }
    const failing = this.#failing;
    this.#failing = undefined;
    for (const { number } of slots) if (!this.#claims.has(number)) this.#claims.set(number, newClaim(world.nowMs));
    const isLost = failing !== undefined && !slots.some((slot) => slot.number === failing);
    const isReplaced = isLost && slots.some((slot) => this.#claims.get(slot.number)?.cause === "new");
    return isReplaced ? `gives the place of worker ${failing}, which failed, to one that does not wait` : undefined;
  }

  /** The slot that should have been filled before `nowMs`, although there is room. */
  overdue(world: World, anyReady: boolean, slackMs: number): string | undefined {
    this.#fill(world.nowMs);
    for (const [number, claim] of this.#claims) {
      if (this.#needsScout(world, claim, anyReady, number)) continue;
      const dueMs = this.#dueMs(claim, anyReady, "latestMs");
      if (world.nowMs > dueMs + slackMs) return `leaves slot ${number} (${claim.cause}) empty since ${claim.sinceMs}`;
    }
    return undefined;
  }

  #dueMs(claim: Claim, anyReady: boolean, edge: "earliestMs" | "latestMs"): number {
    if (claim.cause === "death" && edge === "latestMs") return max(claim.sinceMs, this.#tokenMs());
    if (claim.cause === "recycled" || claim.cause === "death") return claim.sinceMs;
    const dueMs = anyReady ? claim[edge] : max(claim[edge], this.#pause[edge]);
    const isFirst = claim.cause === "new" && !this.#complete;
    return isFirst ? max(dueMs, this.#spawnedMs + this.policy.initStartDelayMs) : dueMs;
  }

  /** While the program fails to start one worker at a time is tried; who replaces a worker that served does not wait. */
  #needsScout(world: World, claim: Claim, anyReady: boolean, number: number): boolean {
    if (claim.cause === "recycled" || claim.cause === "death" || anyReady || this.#failures === 0) return false;
    return world.pool.workers.some((worker) => worker.state === "starting" && worker.number !== number);
  }

  #delayMs(extra: number): number {
    if (this.#failures <= 1) return 0;
    const { restartDelayMs, maxRestartDelayMs } = this.policy;
    let delayMs = restartDelayMs;
    for (let doubled = 2; doubled < this.#failures && delayMs < maxRestartDelayMs; doubled += 1) delayMs *= 2;
    return min(delayMs * (1 + extra), maxRestartDelayMs);
  }

  #burst(): number {
    return max(10, 2 * this.#size);
  }

  #fill(nowMs: number): void {
    const gained = ((nowMs - this.#tokensMs) * this.#size) / 1000;
    this.#tokens = min(this.#burst(), this.#tokens + gained);
    this.#tokensMs = nowMs;
  }

  /** When the token that is to come will be there, or when the one that is there came. */
  #tokenMs(): number {
    return this.#tokensMs + ((1 - this.#tokens) / max(1, this.#size)) * 1000 + 1;
  }
}

function newClaim(nowMs: number): Claim {
  return { cause: "new", sinceMs: nowMs, earliestMs: nowMs, latestMs: nowMs };
}

/** Processes in service as far as the law has been told. */
function readyOnes(world: World, except?: Process): Process[] {
  return [...world.processes.values()].filter((process) => process !== except && isServing(process));
}

/** In service, as far as the law has been told. */
export function isServing(process: Process): boolean {
  return process.readyMs !== undefined && process.askedMs === undefined;
}
