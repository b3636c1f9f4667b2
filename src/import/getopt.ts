/** Flags of a command line as getopt reads them: `-n -s/path -F 4`, and long ones as GLib does. */

import { lookUp } from "./look-up.ts";

export interface Flag {
  /** With its dashes. */
  readonly name: string;
  /** Empty for a flag without a value. */
  readonly value: string;
}

export interface ParsedFlags {
  readonly flags: readonly Flag[];
  /** What stands behind them. */
  readonly rest: readonly string[];
}

/** Which flags take a value: letters, and long names with the letter that they stand for. */
export interface FlagNames {
  readonly withValue: string;
  readonly long?: Readonly<Record<string, string>>;
}

/** Reads flags up to `--` or the first word that is none. */
export function parseFlags(words: readonly string[], names: FlagNames): ParsedFlags {
  const flags: Flag[] = [];
  let at = 0;
  while (at < words.length) {
    const word = words[at] ?? "";
    if (word === "--") return { flags, rest: words.slice(at + 1) };
    if (!word.startsWith("-") || word === "-") break;
    at += 1;
    const open = word.startsWith("--") ? readLong(word, names, flags) : readShort(word, names, flags);
    if (open === undefined) continue;
    flags.push({ name: open, value: words[at] ?? "" });
    at += 1;
  }
  return { flags, rest: words.slice(at) };
}

/** Gives the flag whose value is the next word. */
function readLong(word: string, names: FlagNames, flags: Flag[]): string | undefined {
  const [, name = "", value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  const letter = lookUp(names.long ?? {}, name);
  const flag = letter === undefined ? `--${name}` : `-${letter}`;
  if (value === undefined && letter !== undefined && names.withValue.includes(letter)) return flag;
  flags.push({ name: flag, value: value ?? "" });
  return undefined;
}

function readShort(word: string, names: FlagNames, flags: Flag[]): string | undefined {
  for (let at = 1; at < word.length; at += 1) {
    const letter = word.charAt(at);
    if (names.withValue.includes(letter)) {
      if (at === word.length - 1) return `-${letter}`;
      flags.push({ name: `-${letter}`, value: word.slice(at + 1) });
      return undefined;
    }
    flags.push({ name: `-${letter}`, value: "" });
  }
  return undefined;
}
