/** One `[program:x]` or `[fcgi-program:x]` to apps. */

import type { Draft, Given, World } from "./draft.ts";
import { addTo, isVariableName, newDraft, remark } from "./draft.ts";
import { anchorProgram, isLauncher, takeCommand } from "./launch.ts";
import { lookUp } from "./look-up.ts";
import { directoryOf } from "./paths.ts";
import type { Expansions } from "./python-format.ts";
import { formatPython } from "./python-format.ts";
import { lost, toInteger } from "./rules.ts";
import { foldChildren } from "./spawners.ts";
import type { FiledSection } from "./supervisord-files.ts";
import { commonExpansions, complaintOf } from "./supervisord-files.ts";
import { listenerOptions, namesPassed, programOptions, readNumprocs, takeEnvironment } from "./supervisord-options.ts";
import { outputOptions, takeOutput } from "./supervisord-output.ts";
import { splitShlex } from "./words.ts";

/** What a program's section is read with. */
export interface ProgramContext {
  readonly world: World;
  /** The main file: `%(here)s` of supervisord itself. */
  readonly file: string;
  /** `[group:x]` that has the program, or the program itself. */
  readonly group: string;
  /** Of `[supervisord]`: variables that every program gets. */
  readonly variables: ReadonlyMap<string, string>;
  /** Of `[supervisord]`: what programs have that do not say it themselves. */
  readonly inherited: ReadonlyMap<"user" | "cwd" | "umask", string>;
}

/** Reads the section. A plain program whose processes differ by their number becomes one app for each of them. */
export function draftsOf(section: FiledSection, context: ProgramContext): Draft[] {
  const [kind = "", program = ""] = splitName(section.name);
  const numbers = numbersOf(section);
  const differs = ["command", "environment", "directory"].some((name) =>
    /%\(process_num\)/.test(section.options.get(name)?.value ?? ""),
  );
  if (kind === "fcgi-program" || !differs || numbers.count === 1)
    return [new ProgramReader(section, context, kind, program, numbers, true).draft(numbers.count)];
  return Array.from({ length: numbers.count }, (_, index) => {
    const one = { ...numbers, first: numbers.first + index };
    return new ProgramReader(section, context, kind, program, one, false).draft(1);
  });
}

interface Numbers {
  readonly first: number;
  /** Of this app: 1 where each has its own. */
  readonly count: number;
}

/** `program:x` in two. */
export function splitName(name: string): readonly [string, string] {
  const at = name.indexOf(":");
  return at === -1 ? [name, ""] : [name.slice(0, at), name.slice(at + 1).trim()];
}

function numbersOf(section: FiledSection): Numbers {
  const start = Number(section.options.get("numprocs_start")?.value ?? "0");
  const count = readNumprocs(section.options.get("numprocs")?.value) ?? 1;
  return { first: Number.isSafeInteger(start) ? start : 0, count };
}

const numberOptions = ["numprocs", "numprocs_start", "process_name"];

class ProgramReader {
  readonly #section: FiledSection;
  readonly #context: ProgramContext;
  readonly #kind: string;
  readonly #program: string;
  readonly #numbers: Numbers;
  readonly #draft: Draft;
  readonly #seen = new Set<string>();
  /** One app for all processes. */
  readonly #isShared: boolean;

  constructor(
    section: FiledSection,
    context: ProgramContext,
    kind: string,
    program: string,
    numbers: Numbers,
    isShared: boolean,
  ) {
    this.#isShared = isShared;
    this.#section = section;
    this.#context = context;
    this.#kind = kind;
    this.#program = program;
    this.#numbers = numbers;
    const origin = { file: section.file, line: section.line };
    this.#draft = newDraft(program, { origin, written: `[${section.name}]` });
  }

  draft(count: number): Draft {
    const draft = this.#draft;
    if (this.#kind === "program") draft.settings.set("listen", false);
    // Before the command: what spawn-fcgi says of user and directory outranks supervisord.
    this.#takeSimple(programOptions);
    this.#takeEnvironment();
    this.#takeCommand();
    if (count > 1) toInteger("processes", 1, 10_000)(draft, this.#plain("numprocs", String(count * this.#already())));
    this.#takeName(count);
    if (this.#kind === "fcgi-program") this.#takeListener();
    takeOutput(draft, (name) => this.#get(name));
    this.#takeUnknown();
    for (const [key, value] of this.#context.inherited) if (!draft.settings.has(key)) draft.settings.set(key, value);
    foldChildren(draft);
    return draft;
  }

  /** Workers that the command line has asked for. */
  #already(): number {
    const processes = this.#draft.settings.get("processes");
    return typeof processes === "number" ? processes : 1;
  }

  #takeSimple(rules: typeof programOptions): void {
    for (const [name, rule] of Object.entries(rules)) {
      const given = this.#get(name);
      if (given !== undefined) rule(this.#draft, given);
    }
  }

  #takeListener(): void {
    // supervisord's default, which is not ours.
    this.#draft.settings.set("socket-mode", "0700");
    if (!this.#section.options.has("socket"))
      remark(
        this.#draft.remarks,
        "lost",
        this.#draft,
        "supervisord requires a socket here: the app gets one in the runtime directory",
      );
    this.#takeSimple(listenerOptions);
    if (!this.#draft.settings.has("port")) return;
    for (const [option, key] of [
      ["socket_mode", "socket-mode"],
      ["socket_owner", "socket-owner"],
    ] as const) {
      this.#draft.settings.delete(key);
      if (this.#section.options.has(option))
        lost(`${key} has no meaning with port: only a Unix socket has a mode and an owner`)(
          this.#draft,
          this.#plain(option),
        );
    }
  }

  #takeCommand(): void {
    const given = this.#get("command");
    const words = given === undefined ? undefined : splitShlex(given.value);
    if (given === undefined || words === undefined || words.length === 0) {
      const why = given === undefined ? "there is no command here" : "the command has a quote that is not closed";
      remark(this.#draft.remarks, "lost", given ?? this.#draft, `${why}: write it by hand`);
      return;
    }
    const draft = this.#draft;
    // spawn-fcgi under [program:x] makes a listener, so does php-cgi -b: no plain program any more.
    const isPlain = draft.settings.delete("listen");
    takeCommand(draft, given, words);
    const listens = draft.settings.has("socket") || draft.settings.has("port") || isLauncher(words);
    if (isPlain && !listens) draft.settings.set("listen", false);
    anchorProgram(draft, given, directoryOf(this.#context.file));
  }

  #takeEnvironment(): void {
    const { variables } = this.#context;
    for (const [name, value] of variables) if (isVariableName(name)) addTo(this.#draft, "env", { [name]: value });
    const given = this.#get("environment");
    if (given !== undefined) takeEnvironment(this.#draft, given, this.#section.options.get("environment")?.value ?? "");
  }

  /** Several apps are told apart by the names that supervisord gives to the processes. */
  #takeName(count: number): void {
    const given = this.#get("process_name");
    for (const name of ["numprocs", "numprocs_start"]) this.#seen.add(name);
    const start = this.#get("numprocs_start");
    if (count === 1 && this.#numbers.count > 1)
      this.#draft.name = given?.value ?? `${this.#program}-${this.#numbers.first}`;
    else if (given !== undefined && given.value !== this.#program)
      lost("workers have numbers, in FCGI_PM_WORKER of their environment")(this.#draft, given);
    if (start !== undefined && Number(start.value) !== 1 && count > 1)
      lost("FCGI_PM_WORKER counts from 1")(this.#draft, start);
    if (readNumprocs(this.#section.options.get("numprocs")?.value) === undefined)
      lost("processes takes a number from 1 to 10000")(this.#draft, this.#plain("numprocs"));
  }

  #takeUnknown(): void {
    const known = [...numberOptions, ...outputOptions];
    for (const name of this.#section.options.keys()) {
      if (this.#seen.has(name) || known.includes(name)) continue;
      const isListener = Object.hasOwn(listenerOptions, name);
      lost(isListener ? "only a fcgi-program has a socket" : "supervisord does not know this option either")(
        this.#draft,
        this.#plain(name),
      );
    }
  }

  /** An option as it is written, with another value where one is handed in. */
  #plain(name: string, value?: string): Given {
    const option = this.#section.options.get(name);
    const origin = { file: option?.file ?? this.#section.file, line: option?.line ?? this.#section.line };
    return { origin, written: `${name}=${option?.value ?? ""}`, value: value ?? option?.value ?? "" };
  }

  /** An option with its names expanded. What cannot be expanded is left as it is written, and told. */
  #get(name: string): Given | undefined {
    const option = this.#section.options.get(name);
    if (option === undefined) return undefined;
    const first = !this.#seen.has(name);
    this.#seen.add(name);
    const given = this.#plain(name);
    const expanded = formatPython(option.value, this.#expansionsFor(name));
    if (!("text" in expanded)) {
      if (first)
        remark(
          this.#draft.remarks,
          "lost",
          given,
          `left as it is: ${complaintOf(expanded)}; set the variable for the import, or write the value`,
        );
      return given;
    }
    if (
      first &&
      expanded.used.has("process_num") &&
      this.#numbers.count > 1 &&
      !numberOptions.includes(name) &&
      this.#isShared
    )
      remark(
        this.#draft.remarks,
        "changed",
        given,
        `all workers of an app are alike: number ${this.#numbers.first} stands for all; FCGI_PM_WORKER has a worker's own`,
      );
    return { ...given, value: expanded.text };
  }

  /** What environment only hands on need not be known here: supervisord-options.ts leaves it to pass-env. */
  #expansionsFor(option: string): Expansions {
    const expansions = this.#expansions();
    if (option !== "environment") return expansions;
    const raw = this.#section.options.get("environment")?.value ?? "";
    // Where the value of another variable needs it, too, it has to be known.
    const passed = namesPassed(raw).filter((name) => raw.split(`%(ENV_${name})`).length === 2);
    return (name) => expansions(name) ?? (passed.some((one) => `ENV_${one}` === name) ? "" : undefined);
  }

  #expansions(): Expansions {
    const { file, world, group, variables } = this.#context;
    const common = commonExpansions(file, world, variables);
    const own: Readonly<Record<string, string | number>> = {
      program_name: this.#program,
      group_name: group,
      process_num: this.#numbers.first,
      numprocs: this.#numbers.count,
    };
    return (name) => lookUp(own, name) ?? common(name);
  }
}
