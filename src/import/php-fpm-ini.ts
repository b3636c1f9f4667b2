/** php-fpm.conf: sections, `key = value`, `key[name] = value`, `;` comments, and `include`. */

export interface Directive {
  readonly name: string;
  /** Of `env[PATH]`: `PATH`. */
  readonly index: string | undefined;
  readonly value: string;
  /** The value as it is written, with its quotes. */
  readonly raw: string;
  readonly line: number;
  readonly section: string;
}

export interface ParsedPools {
  readonly directives: readonly Directive[];
  readonly problems: readonly { readonly line: number; readonly text: string }[];
}

/** As PHP reads its ini files, as far as pools use it. Lines before the first section belong to `section`. */
export function parsePools(text: string, section: string): ParsedPools {
  const directives: Directive[] = [];
  const problems: { line: number; text: string }[] = [];
  let current = section;
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith(";") || line.startsWith("#")) continue;
    const header = /^\[([^\]]*)\]/.exec(line)?.[1];
    if (header !== undefined) {
      current = header;
      continue;
    }
    const match = /^([\w.]+)(?:\[([^\]]*)\])?\s*=\s*(.*)$/.exec(line);
    if (match === null) {
      problems.push({ line: index + 1, text: line });
      continue;
    }
    const [, name = "", of, value = ""] = match;
    directives.push({ name, index: of, ...readValue(value), line: index + 1, section: current });
  }
  return { directives, problems };
}

/** Quotes are taken off; without them a semicolon begins a comment. */
function readValue(text: string): { readonly value: string; readonly raw: string } {
  const quoted = /^"((?:[^"\\]|\\.)*)"|^'([^']*)'/.exec(text);
  if (quoted === null) {
    const value = text.replace(/\s*;.*$/, "").trim();
    return { value, raw: value };
  }
  return { value: (quoted[1] ?? quoted[2] ?? "").replace(/\\(["\\])/g, "$1"), raw: quoted[0] };
}
