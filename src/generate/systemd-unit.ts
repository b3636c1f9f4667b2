/** A unit file as data, and how its text looks: a comment above every setting says why it is there. */
import { FcgiPmError } from "../errors.ts";

export interface Setting {
  readonly why: string;
  /** `Key=value`, in the syntax of systemd; several that belong together. */
  readonly lines: readonly string[];
}

export interface Section {
  readonly name: string;
  readonly settings: readonly Setting[];
}

export interface Unit {
  /** Its file name; of a drop-in with the directory. */
  readonly file: string;
  /** What the head of the file says after the mark. */
  readonly about: string;
  readonly sections: readonly Section[];
}

/** The line by which `install` and `uninstall` know a file as ours. */
export const unitMark = '# Made by fcgi-pm: "fcgi-pm install" writes it anew, "fcgi-pm uninstall" removes it.';

export function setting(why: string, ...lines: readonly string[]): Setting {
  return { why, lines };
}

export function renderUnit({ about, sections }: Unit): string {
  const head = [unitMark, ...comment(about)];
  return [head, ...sections.map(renderSection)].map((lines) => `${lines.join("\n")}\n`).join("\n");
}

function renderSection({ name, settings }: Section): string[] {
  return [`[${name}]`, ...settings.flatMap(({ why, lines }) => [...comment(why), ...lines])];
}

const width = 100;

/** Wrapped between words. Lines that the text itself breaks stay broken. */
function comment(text: string): string[] {
  return text.split("\n").flatMap((paragraph) => {
    const lines = [""];
    for (const word of paragraph.split(" ")) {
      const last = lines.pop() ?? "";
      const longer = last === "" ? word : `${last} ${word}`;
      lines.push(...(longer.length <= width ? [longer] : [last, word]));
    }
    return lines.map((line) => `# ${line}`);
  });
}

/** A word of an `Exec…=` line: systemd splits it at spaces, and replaces `%` and `$` (systemd.service(5), "Command lines"). */
export function execWord(text: string): string {
  return quoted(text.replaceAll("$", "$$$$"));
}

/** A word of a list of paths: no variables there. */
export function pathWord(text: string): string {
  return quoted(text);
}

/** A value that is taken as it stands, such as that of `ListenStream=`. */
export function plainValue(text: string): string {
  const value = unspecific(text);
  // The reader cuts spaces off both ends, and joins a line that ends with a backslash to the next.
  if (value.trim() === value && !value.endsWith("\\")) return value;
  throw inexpressible(text, "it begins or ends with a space, or ends with a backslash");
}

function quoted(text: string): string {
  const word = unspecific(text);
  return /^[\w@%$+=:,./-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, "\\$&")}"`;
}

/** `%` begins a specifier everywhere (systemd.unit(5), "Specifiers"). */
function unspecific(text: string): string {
  if (/[\x00-\x1f\x7f]/.test(text)) throw inexpressible(text, "there is a control character in it");
  return text.replaceAll("%", "%%");
}

function inexpressible(text: string, why: string): FcgiPmError {
  return new FcgiPmError(
    "FCGI_PM_VALUE_INEXPRESSIBLE",
    `Cannot write ${JSON.stringify(text)} into a unit of systemd: ${why}`,
  );
}
