/** A command line up to the cursor: what may stand there. The commands themselves say it, so that it never lags behind them. */
import type { Command, Option } from "commander";
import { type Values, valuesOfArgument, valuesOfOption } from "./completion-values.ts";

export interface Choice {
  readonly word: string;
  readonly about: string;
}

export interface Wanted {
  readonly choices: readonly Choice[];
  /** What may stand there besides. */
  readonly values: Values;
  /** What stands before the value in the same word: `--config=`. */
  readonly before: string;
  /** The value of an option that stands somewhere before the cursor, by its long name. */
  given(long: string): string | undefined;
}

interface Read {
  /** The program itself, as long as no command has been named. */
  readonly command: Command;
  /** Which command the next word names, if it names one. */
  readonly next: "any" | "of help" | "none";
  /** How many arguments of the command stand before the cursor. */
  readonly arguments: number;
  /** The option whose value the cursor is at. */
  readonly waiting: Option | undefined;
  readonly isPastOptions: boolean;
  readonly given: ReadonlyMap<string, string>;
}

const nothing: Values = { kind: "nothing" };

/** `words` are those behind `fcgi-pm`; the last one is at the cursor, and may be empty. */
export function wantedAt(program: Command, words: readonly string[]): Wanted {
  const current = words.at(-1) ?? "";
  const read = readAll(program, words.slice(0, -1));
  const answer = (values: Values, more: Partial<Wanted> = {}): Wanted => {
    return { choices: [], values, before: "", given: (long) => read.given.get(long), ...more };
  };
  if (read.waiting !== undefined) return answer(valuesOfOption(read.waiting));
  if (current.startsWith("-") && !read.isPastOptions) {
    const [, long] = /^(--[^=]+)=/.exec(current) ?? [];
    if (long === undefined) return answer(nothing, { choices: optionsOf(read.command) });
    const option = optionIn(read.command, long);
    return answer(option === undefined ? nothing : valuesOfOption(option), { before: `${long}=` });
  }
  if (read.command === program) return answer(nothing, { choices: commandsOf(program, read.next) });
  return answer(argumentAt(read.command, read.arguments));
}

function readAll(program: Command, words: readonly string[]): Read {
  let read: Read = {
    ...{ command: program, next: "any", arguments: 0, waiting: undefined },
    ...{ isPastOptions: false, given: new Map<string, string>() },
  };
  for (const word of words) read = readWord(program, read, word);
  return read;
}

function readWord(program: Command, read: Read, word: string): Read {
  const { command, waiting, given } = read;
  if (waiting !== undefined) {
    return { ...read, waiting: undefined, given: new Map(given).set(waiting.long ?? "", word) };
  }
  if (!read.isPastOptions && word === "--") return { ...read, isPastOptions: true };
  if (!read.isPastOptions && word.startsWith("-") && word !== "-") return readOption(read, word);
  if (command !== program) return { ...read, arguments: read.arguments + 1 };
  const found = program.commands.find((one) => one.name() === word);
  if (found !== undefined && read.next === "any") return { ...read, command: found };
  return { ...read, next: word === "help" && read.next === "any" ? "of help" : "none" };
}

function readOption(read: Read, word: string): Read {
  const [, long = word, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
  if (value !== undefined) return { ...read, given: new Map(read.given).set(long, value) };
  const option = optionIn(read.command, word);
  return option?.required === true ? { ...read, waiting: option } : read;
}

function optionIn(command: Command, word: string): Option | undefined {
  return command.options.find(({ long, short }) => long === word || short === word);
}

function argumentAt({ registeredArguments }: Command, index: number): Values {
  const last = registeredArguments.at(-1);
  const argument = registeredArguments[index] ?? (last?.variadic === true ? last : undefined);
  if (argument === undefined) return nothing;
  const values = valuesOfArgument(argument);
  // The first word of a program may be an app instead; those behind it are the program's own.
  return argument.variadic && index > 0 && values.kind === "apps" ? { kind: "files" } : values;
}

function commandsOf(program: Command, next: Read["next"]): Choice[] {
  if (next === "none") return [];
  const commands = program.createHelp().visibleCommands(program);
  const choices = commands.map((one) => ({ word: one.name(), about: one.summary() || one.description() }));
  return next === "any" ? choices : choices.filter(({ word }) => word !== "help");
}

/** `--name` rather than `-n`, which needs no completion, but where there is no other. */
function optionsOf(command: Command): Choice[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ word: long ?? short ?? "", about: inShort(description) }));
}

/** The first part of a description. */
function inShort(description: string): string {
  const [first = ""] = description.split(/\. |; |: | \(/);
  return first.replace(/\.$/, "");
}
