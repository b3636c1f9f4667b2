/** Python's RawConfigParser with the settings that supervisord gives it: `;` and `#` comments behind a blank, values over several lines. */

export interface Option {
  readonly value: string;
  readonly line: number;
}

export interface Section {
  readonly name: string;
  readonly line: number;
  /** By their names in small letters; of doubles the last counts. */
  readonly options: ReadonlyMap<string, Option>;
}

export interface ParsedIni {
  /** Those of the same name are one. `[DEFAULT]` is in every other section, and none itself. */
  readonly sections: readonly Section[];
  readonly problems: readonly { readonly line: number; readonly text: string }[];
}

interface Growing {
  readonly line: number;
  readonly parts: string[];
}

type Table = Map<string, Growing>;

interface OpenSection {
  readonly name: string;
  readonly line: number;
  readonly table: Table;
}

/** The sections of one text, by the rules of `_read` in Python 3.11's configparser.py. */
export function parseIni(text: string): ParsedIni {
  const reader = new IniReader();
  for (const [index, line] of splitLines(text).entries()) reader.take(line, index + 1);
  return reader.result();
}

/** As Python's universal newlines do. A last line without text is none. */
function splitLines(text: string): string[] {
  const lines = text.split(/\r\n|\r|\n/);
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

class IniReader {
  readonly #sections = new Map<string, OpenSection>();
  readonly #defaults: Table = new Map();
  readonly #problems: { line: number; text: string }[] = [];
  #table: Table | undefined;
  #option: Growing | undefined;
  #indent = 0;

  take(line: string, number: number): void {
    const start = commentStart(line);
    const value = strip(line.slice(0, start));
    if (value === "") {
      if (start === undefined) this.#option?.parts.push("");
      return;
    }
    const indent = /\S/.exec(line)?.index ?? 0;
    if (this.#option !== undefined && indent > this.#indent) {
      this.#option.parts.push(value);
      return;
    }
    this.#indent = indent;
    const header = /^\[(.+)\]/.exec(value)?.[1];
    if (header !== undefined) this.#open(header, number);
    else this.#set(value, number);
  }

  #open(name: string, line: number): void {
    this.#option = undefined;
    if (name === "DEFAULT") {
      this.#table = this.#defaults;
      return;
    }
    const section = this.#sections.get(name) ?? { name, line, table: new Map() };
    this.#sections.set(name, section);
    this.#table = section.table;
  }

  #set(text: string, line: number): void {
    const match = /^(.*?)\s*[=:]\s*(.*)$/.exec(text);
    if (this.#table === undefined || match === null || match[1] === "") {
      this.#problems.push({ line, text });
      return;
    }
    this.#option = { line, parts: [strip(match[2] ?? "")] };
    this.#table.set((match[1] ?? "").trimEnd().toLowerCase(), this.#option);
  }

  result(): ParsedIni {
    const close = (table: Table) =>
      [...table].map(([name, { line, parts }]) => [name, { line, value: parts.join("\n").trimEnd() }] as const);
    const sections = [...this.#sections.values()].map(({ name, line, table }) => ({
      name,
      line,
      options: new Map([...close(this.#defaults), ...close(table)]),
    }));
    return { sections, problems: this.#problems };
  }
}

/**
 * Where a comment begins: the line's first mark, or one behind a blank. Python looks at the first `;` and the first `#`, then at the
 * second ones, and so on, and stops as soon as one of a pair has a blank before it.
 */
function commentStart(line: string): number | undefined {
  if (/^\s*[#;]/.test(line)) return 0;
  const marks = [";", "#"].map((mark) => positionsOf(line, mark));
  for (let round = 0; round < Math.max(...marks.map((places) => places.length)); round += 1) {
    const starts = marks.flatMap((places) => places[round] ?? []).filter((at) => /\s/.test(line.charAt(at - 1)));
    if (starts.length > 0) return Math.min(...starts);
  }
  return undefined;
}

function positionsOf(line: string, mark: string): number[] {
  return Array.from(line.matchAll(mark === ";" ? /;/g : /#/g), (match) => match.index);
}

/** As str.strip(): JavaScript's trim knows the same blanks, but for four control characters. */
function strip(text: string): string {
  return text.replace(/^[\s\u001C-\u001F]+|[\s\u001C-\u001F]+$/g, "");
}
