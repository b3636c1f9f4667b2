/** TOML text to a table, or the one place where it stops being TOML. */
import { parse, TomlError } from "smol-toml";
import type { Problem } from "./problem.ts";
import type { Table } from "./read.ts";

export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** The table of a file, or the problem that it is not TOML, with its line. */
export function parseToml(file: ConfigFile): { readonly table: Table } | { readonly problem: Problem } {
  try {
    // Without bigint a number beyond 2^53 would be an error of syntax, and nobody would learn what the key expects.
    return { table: parse(withoutMark(file.text), { integersAsBigInt: "asNeeded" }) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { problem: problemOf(file, error) };
  }
}

/** Some editors put a byte order mark first; TOML knows none. */
export function withoutMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

function problemOf(file: ConfigFile, error: TomlError): Problem {
  const reason = (error.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "");
  const line = withoutMark(file.text).split(/\r?\n/)[error.line - 1] ?? "";
  const advice = reason.includes("leading zero") ? '; a mode is written in quotes, such as "0660"' : "";
  const message = `not TOML, column ${error.column}: ${reason}${advice}\n    ${line.trim().slice(0, 200)}`;
  return { file: file.path, line: error.line, column: error.column, keyPath: [], message };
}
