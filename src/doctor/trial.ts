/** A trial: the app's program started as its manager would start it, on a listener of the trial's own, and ended again. */
import { randomUUID } from "node:crypto";
import type { Address } from "../fastcgi/address.ts";
import { type Environment, workerEnvironment } from "../manager/environment.ts";
import { launcherOf, type Plan } from "../manager/plan.ts";
import { nowMs } from "../os/clock.ts";
import type { Listener } from "../os/listener.ts";
import { sendSignal } from "../os/process.ts";
import { openPrivateListener, type PrivateListener } from "./private-listener.ts";
import { readTrialOutput, type TrialOutput } from "./trial-output.ts";
import { killAll, type Marks, processesOf, type Survivor, trialVariable } from "./trial-processes.ts";

/** What is tried; what is given replaces what the app has. */
export interface TrialWish {
  readonly plan: Plan;
  readonly environment?: Environment;
  readonly cwd?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface TrialWorker {
  readonly pid: number;
  readonly startedAtMs: number;
  readonly output: TrialOutput;
  /** Undefined while it lives. */
  exit(): Exit | undefined;
}

/** What a trial leaves beside the program's modules (`__pycache__`) would belong to whoever it was tried as. */
const traceless = { PYTHONDONTWRITEBYTECODE: "1" };

export class Trial {
  readonly plan: Plan;
  readonly environment: Environment;
  readonly #place: PrivateListener;
  readonly #token = randomUUID();
  readonly #workers: TrialWorker[] = [];
  #isOver = false;

  private constructor(plan: Plan, environment: Environment, place: PrivateListener) {
    this.plan = plan;
    this.environment = environment;
    this.#place = place;
  }

  static async open(wish: TrialWish): Promise<Trial> {
    const { plan, environment = plan.environment, cwd = plan.program.cwd } = wish;
    const place = await openPrivateListener(plan);
    return new Trial({ ...plan, program: { ...plan.program, cwd } }, environment, place);
  }

  get listener(): Listener {
    return this.#place.listener;
  }

  get address(): Address {
    return this.#place.address;
  }

  /** Starts one more worker on the listener. */
  start(): TrialWorker {
    const number = this.#workers.length + 1;
    const environment = workerEnvironment(this.#admitted(), this.plan.app.name, number, 1);
    const launch = launcherOf(this.plan, this.listener);
    const { child, ...fds } = launch({ ...traceless, ...environment, [trialVariable]: this.#token });
    const output = readTrialOutput(fds);
    let exit: Exit | undefined;
    child.once("error", () => {
      exit ??= { code: 127, signal: null };
    });
    child.once("exit", (code, signal) => {
      exit ??= { code, signal };
    });
    const worker = { pid: child.pid ?? 0, startedAtMs: nowMs(), output, exit: () => exit };
    this.#workers.push(worker);
    return worker;
  }

  /** On a port the trial itself has to be among those who may connect. */
  #admitted(): Environment {
    const clients = this.environment["FCGI_WEB_SERVER_ADDRS"];
    if (clients === undefined || this.address.kind !== "tcp") return this.environment;
    return { ...this.environment, FCGI_WEB_SERVER_ADDRS: `${clients},${this.address.host}` };
  }

  /** The processes that live now: workers and whatever they have started. */
  processes(): Survivor[] {
    return processesOf(this.#marks);
  }

  isWorker(pid: number): boolean {
    return this.#workers.some((worker) => worker.pid === pid);
  }

  signal(worker: TrialWorker, name: NodeJS.Signals): void {
    if (worker.exit() === undefined) sendSignal(worker.pid, name, false);
  }

  /** Ends all that was started, and removes the listener. A second time it does nothing. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await killAll(this.#marks);
    for (const { output } of this.#workers) output.close();
    this.#place.close();
  }

  get #marks(): Marks {
    const leaders = this.#workers.map(({ pid }) => pid).filter((pid) => pid > 0);
    return { token: this.#token, inode: this.listener.inode, leaders };
  }
}
