/** `fcgi-pm __complete SHELL WORD…`: what the completion scripts ask for. A line for each choice, and one that begins with `:` for files. */
import type { Command } from "commander";
import { splitWords } from "../config/words.ts";
import { buildCommands } from "./commands.ts";
import { appNames, groupNames, signalNames, userNames } from "./completion-names.ts";
import type { Values } from "./completion-values.ts";
import { type Choice, type Wanted, wantedAt } from "./completion-wanted.ts";

/** Prints the choices; whatever goes wrong, there are none then, and nothing disturbs the line that is being typed. */
export async function complete([shell = "", ...typed]: readonly string[]): Promise<void> {
  try {
    const lines = await linesFor(
      buildCommands("", () => {}),
      shell,
      typed,
    );
    process.stdout.write(lines.map((line) => `${line}\n`).join(""));
  } catch {}
}

/** What is printed for these words behind `fcgi-pm`, of which the last one is at the cursor. */
export async function linesFor(program: Command, shell: string, typed: readonly string[]): Promise<string[]> {
  const words = shell === "bash" ? joined(typed) : typed;
  const wanted = wantedAt(program, words);
  // bash takes what stands behind = for a word of its own, unless somebody has told it otherwise.
  const before = shell === "bash" && words.length < typed.length ? "" : wanted.before;
  const current = (words.at(-1) ?? "").slice(wanted.before.length);
  const choices = [...wanted.choices, ...(await choicesOf(wanted))];
  // The others choose by themselves, and may do it in better ways.
  const fitting = shell === "bash" ? choices.filter(({ word }) => word.startsWith(current)) : choices;
  return [...fitting.map(({ word, about }) => `${before}${word}\t${about}`), ...placesOf(wanted.values)];
}

async function choicesOf(wanted: Wanted): Promise<Choice[]> {
  const about = (text: string) => (word: string) => ({ word, about: text });
  const { values } = wanted;
  switch (values.kind) {
    case "words":
      return values.words.map(about(""));
    case "apps":
      return (await appNames({ config: wanted.given("--config"), control: wanted.given("--control") })).map(
        about("app"),
      );
    case "users":
      return userNames().map(about("user"));
    case "groups":
      return groupNames().map(about("group"));
    case "owners":
      return [...userNames().map(about("user")), ...groupNames().map((name) => about("group")(`:${name}`))];
    case "signals":
      return signalNames().map(about("signal"));
    default:
      return [];
  }
}

function placesOf(values: Values): string[] {
  if (values.kind === "files" || (values.kind === "apps" && values.files)) return [":files"];
  return values.kind === "directories" ? [":directories"] : [];
}

/** bash gives words with their quotes, and splits them at = and at colons. */
function joined(typed: readonly string[]): string[] {
  const words: string[] = [];
  let isOpen = false;
  for (const part of typed) {
    const isBreak = /^[=:]+$/.test(part);
    const word = isBreak ? part : unquoted(part);
    if ((isBreak || isOpen) && words.length > 0) words.push(`${words.pop()}${word}`);
    else words.push(word);
    isOpen = isBreak;
  }
  return words;
}

/** A quote that is not closed yet is closed. */
function unquoted(text: string): string {
  const words = splitWords(text) ?? splitWords(`${text}"`) ?? splitWords(`${text}'`);
  return words?.[0] ?? (text === "" || words !== undefined ? "" : text);
}
