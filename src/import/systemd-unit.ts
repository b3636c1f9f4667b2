/** Unit files of systemd: sections, lines that go on, words with quotes. */

import { lookUp } from "./look-up.ts";

export interface UnitLine {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

/** Every `Key=value`, in order. */
export function parseUnit(text: string): UnitLine[] {
  const found: UnitLine[] = [];
  let section = "";
  for (const { text: whole, line } of logicalLines(text)) {
    const at = whole.indexOf("=");
    if (/^\[[^\]]+\]$/.test(whole)) section = whole.slice(1, -1);
    else if (at > 0) found.push({ section, key: whole.slice(0, at).trim(), value: whole.slice(at + 1).trim(), line });
  }
  return found;
}

/** A backslash at the end goes on in the next line. Comments in between are left out, as systemd does. */
function* logicalLines(text: string): Generator<{ readonly text: string; readonly line: number }> {
  let open: { text: string; line: number } | undefined;
  for (const [index, raw] of text.split(/\r\n|\n/).entries()) {
    const trimmed = raw.trim();
    if (/^[#;]/.test(trimmed) || (trimmed === "" && open === undefined)) continue;
    const line = open?.line ?? index + 1;
    const whole = open === undefined ? trimmed : `${open.text} ${trimmed}`;
    open = raw.endsWith("\\") ? { text: whole.slice(0, -1).trimEnd(), line } : undefined;
    if (open === undefined) yield { text: whole, line };
  }
  if (open !== undefined) yield open;
}

// A run without anything special, an escape, a quoted part, or blanks.
const unitPart =
  /(?<plain>[^\s\\"']+)|\\(?<escape>x[0-9A-Fa-f]{2}|.)|(?<quote>["'])(?<quoted>(?:\\.|(?!\k<quote>)[^\\])*)\k<quote>|(?<blank>\s+)/sy;

/** Words as systemd splits them: both quotes, C's escapes, nothing else. Undefined: a quote is not closed. */
export function unitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  unitPart.lastIndex = 0;
  while (unitPart.lastIndex < text.length) {
    const groups = unitPart.exec(text)?.groups;
    if (groups === undefined) return undefined;
    const { plain, escape: char, quoted, blank } = groups;
    if (blank === undefined) word = (word ?? "") + (plain ?? withoutEscapes(quoted ?? `\\${char}`));
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}

function withoutEscapes(text: string): string {
  return text.replace(/\\(x[0-9A-Fa-f]{2}|.)/gs, (whole, code: string) =>
    code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (lookUp(letters, code) ?? whole),
  );
}

const letters: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", s: " ", "\\": "\\", '"': '"', "'": "'" };

/** `10`, `10s`, `5min`, `1min 30s` to milliseconds; undefined for anything else, `infinity` among it. */
export function timeOf(text: string): number | undefined {
  const factors: Readonly<Record<string, number>> = {
    ...{ ms: 1, s: 1000, sec: 1000, second: 1000, seconds: 1000, "": 1000 },
    ...{
      m: 60_000,
      min: 60_000,
      minute: 60_000,
      minutes: 60_000,
      h: 3_600_000,
      hr: 3_600_000,
      hour: 3_600_000,
      hours: 3_600_000,
    },
  };
  const parts = text.trim().match(/\d+(?:\.\d+)?\s*[a-z]*/g);
  if (parts === null || parts.join("").replace(/\s/g, "") !== text.replace(/\s/g, "")) return undefined;
  let sum = 0;
  for (const part of parts) {
    const [, number = "", unit = ""] = /^([\d.]+)\s*([a-z]*)$/.exec(part) ?? [];
    const factor = lookUp(factors, unit);
    if (factor === undefined) return undefined;
    sum += Number(number) * factor;
  }
  return Math.round(sum);
}
