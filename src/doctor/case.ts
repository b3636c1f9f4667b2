/** One patient whose program is tried: how often it was started, and how it is asked. */
import { joinWords } from "../config/words.ts";
import { type AnswerContext, type Language, languageOf, type Witness } from "../diagnosis/answer-facts.ts";
import type { StartFacts } from "../diagnosis/death.ts";
import type { Home } from "../diagnosis/setting.ts";
import type { Plan } from "../manager/plan.ts";
import { scriptOf } from "./ask.ts";
import { interpreterOf } from "./interpreter.ts";
import type { Patient } from "./patient.ts";
import { Trial, type TrialWish, type TrialWorker } from "./trial.ts";

export class Case {
  readonly patient: Patient;
  readonly plan: Plan;
  #starts = 0;

  constructor(patient: Patient, plan: Plan) {
    this.patient = patient;
    this.plan = plan;
  }

  get starts(): number {
    return this.#starts;
  }

  get home(): Home {
    const { app } = this.plan;
    const filled = [
      ...(Object.keys(app.env).length > 0 ? (["env"] as const) : []),
      ...(app.passEnv.length > 0 ? (["pass-env"] as const) : []),
    ];
    const { configFile, running } = this.patient;
    return { configFile, app: app.name, isRunning: running !== undefined, filled };
  }

  /** Opens a trial and starts a worker in it. Whoever calls this ends the trial. */
  async begin(wish: Omit<TrialWish, "plan"> & { plan?: Plan } = {}): Promise<{ trial: Trial; worker: TrialWorker }> {
    this.patient.journal.signal.throwIfAborted();
    const trial = await Trial.open({ plan: this.plan, ...wish });
    return { trial, worker: this.startIn(trial) };
  }

  startIn(trial: Trial): TrialWorker {
    this.#starts += 1;
    return trial.start();
  }

  /** The program with its arguments, as it was written. */
  get command(): string {
    const { path, args } = this.plan.program;
    return joinWords([path, ...args]);
  }

  get language(): Language {
    return languageOf(interpreterOf(this.plan)?.name ?? "");
  }

  startFacts(): StartFacts {
    const { identity, program, environment } = this.plan;
    const { language } = this;
    return {
      command: this.command,
      user: `${identity.name} (uid ${identity.uid})`,
      cwd: program.cwd,
      environment: [
        `PATH=${environment["PATH"] ?? ""}`,
        ...searchPaths[language].map((name) => variable(environment, name)),
      ],
      interpreter: interpreterOf(this.plan)?.words,
    };
  }

  context(witness: Witness): AnswerContext {
    const { wish } = this.patient;
    return {
      timeoutMs: wish.timeoutMs,
      witness,
      script: scriptOf(wish),
      language: this.language,
      again: undefined,
    };
  }
}

/** The variables that say where a language looks for modules. */
export const searchPaths: Readonly<Record<Language, readonly string[]>> = {
  python: ["PYTHONPATH"],
  perl: ["PERL5LIB"],
  ruby: ["RUBYLIB"],
  php: [],
  node: ["NODE_PATH"],
  sh: [],
  other: [],
};

function variable(environment: Readonly<Record<string, string>>, name: string): string {
  const value = environment[name];
  return value === undefined ? `${name} is not set` : `${name}=${value}`;
}
