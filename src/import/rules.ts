/** What can become of a setting: small rules of which each importer makes its table. */
import type { Draft, Given, RemarkKind, Value } from "./draft.ts";
import { remark } from "./draft.ts";

/** Does with one setting what is to be done with it. */
export type Rule = (draft: Draft, given: Given) => void;

export type Rules = Readonly<Record<string, Rule>>;

function remarkRule(kind: RemarkKind): (why: string) => Rule {
  return (why) => (draft, given) => remark(draft.remarks, kind, given, why);
}

/** There is nothing like it. */
export const lost = remarkRule("lost");
/** Another program's configuration has it. */
export const elsewhere = remarkRule("elsewhere");
/** That is what happens anyway. */
export const same = remarkRule("same");
/** It was translated, with a difference. */
export const changed = remarkRule("changed");

/** Sets a key, or says what is wrong with the value. */
function toKey(key: string, read: (text: string) => Value | undefined, expected: string): Rule {
  return (draft, given) => {
    const value = read(given.value.trim());
    if (value === undefined) remark(draft.remarks, "lost", given, `${key} takes ${expected}: set it by hand`);
    else draft.settings.set(key, value);
  };
}

export const toText = (key: string): Rule => toKey(key, (text) => (text === "" ? undefined : text), "some text");

export function toInteger(key: string, min: number, max: number): Rule {
  return toKey(key, (text) => readInteger(text, min, max), `a number from ${min} to ${max}`);
}

/** Seconds, or another unit of so many milliseconds, to a duration. */
export function toDuration(key: string, unitMs = 1000): Rule {
  return toKey(key, (text) => durationText(text, unitMs), "a time of up to 24 days");
}

/** Octal digits, to a mode in a string. */
export const toMode = (key: string): Rule => toKey(key, modeText, "three octal digits");

/** A name or a number. Apache writes numbers with a hash. */
export function toAccount(key: "user" | "group"): Rule {
  return toKey(key, (text) => (/^#?[^\s:#]+$/.test(text) ? text.replace(/^#/, "") : undefined), "a name or a number");
}

const signals = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2"];
const numbers: ReadonlyMap<string, string> = new Map([
  ["1", "HUP"],
  ["2", "INT"],
  ["3", "QUIT"],
  ["9", "KILL"],
  ["10", "USR1"],
  ["12", "USR2"],
  ["15", "TERM"],
]);

/** A signal by its name or, on Linux, its number. KILL is the end of a stop, so it becomes a stop without patience. */
export const toSignal: Rule = (draft, given) => {
  const text = given.value.trim().toUpperCase();
  const name = (numbers.get(text) ?? text).replace(/^SIG/, "");
  if (signals.includes(name)) draft.settings.set("stop-signal", name);
  else if (name === "KILL") {
    draft.settings.set("stop-timeout", "0");
    remark(draft.remarks, "changed", given, "KILL is what follows the stop signal: stop-timeout is 0 instead");
  } else remark(draft.remarks, "lost", given, `stop-signal takes ${signals.join(", ")}`);
};

/** Yes and no as configuration files have them. */
export function isYes(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (["yes", "true", "on", "1", "enable", "enabled"].includes(word)) return true;
  return ["no", "false", "off", "0", "disable", "disabled"].includes(word) ? false : undefined;
}

/** One rule where the setting is switched on, another where it is off. */
export function either(on: Rule, off: Rule): Rule {
  return (draft, given) => (isYes(given.value) === false ? off : on)(draft, given);
}

export function readInteger(text: string, min: number, max: number): number | undefined {
  const value = /^[+-]?\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

const longestMs = 24 * 86_400_000;

/** A number of units as a duration that a config understands; undefined where it is none, or too long. */
function durationText(text: string, unitMs = 1000): string | undefined {
  if (!/^\d{1,12}(?:\.\d+)?$/.test(text)) return undefined;
  return durationOf(Math.round(Number(text) * unitMs));
}

/** Milliseconds as a duration that means exactly them, in the largest unit that fits. */
export function durationOf(ms: number): string | undefined {
  if (!(ms >= 0 && ms <= longestMs)) return undefined;
  if (ms === 0) return "0";
  const [size, unit] = units.find(([size]) => ms % size === 0) ?? [1, "ms"];
  return `${ms / size}${unit}`;
}

const units: readonly (readonly [number, string])[] = [
  [3_600_000, "h"],
  [60_000, "m"],
  [1000, "s"],
];

/** `660`, `0660`, `0o660` as a config writes a mode. */
export function modeText(text: string): string | undefined {
  const digits = /^0*o?([0-7]{1,3})$/.exec(text)?.[1];
  return digits === undefined ? undefined : `0${digits.padStart(3, "0")}`;
}
