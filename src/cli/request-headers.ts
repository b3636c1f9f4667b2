/** The headers of a request as `-H` has them: those that are always sent, changed by those that are given. */
import { readFileSync } from "node:fs";
import { wrongUsage } from "./request-options.ts";

/** The headers to send, in order; of those that were taken away the names. */
export interface GivenHeaders {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly removed: readonly string[];
}

type Line = readonly [name: string, value: string | undefined];

/** A header that is given takes the place of the usual one; given again it is sent again. */
export function readHeaders(usual: readonly (readonly [string, string])[], given: readonly string[]): GivenHeaders {
  const lines = given.flatMap(linesOf).map(parseLine);
  const isGiven = (name: string) => lines.some(([other]) => isSame(name, other));
  const kept = usual.flatMap(([name, value]) =>
    isGiven(name) ? lines.filter(([one]) => isSame(one, name)) : [[name, value] as const],
  );
  const more = lines.filter(([name]) => !usual.some(([one]) => isSame(one, name)));
  const all: Line[] = [...kept, ...more];
  return {
    headers: all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
    removed: all.flatMap(([name, value]) => (value === undefined ? [name] : [])),
  };
}

/** The last value of a header; undefined: it is not sent. */
export function valueOfHeader({ headers }: GivenHeaders, name: string): string | undefined {
  return headers.findLast(([one]) => isSame(one, name))?.[1];
}

function isSame(name: string, other: string): boolean {
  return name.toLowerCase() === other.toLowerCase();
}

function linesOf(text: string): string[] {
  if (!text.startsWith("@")) return [text];
  const lines = readText(text.slice(1)).split(/\r?\n/);
  return lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw wrongUsage(
      `Cannot read the headers "${path}": ${(error as NodeJS.ErrnoException).code}`,
      "check the path after @",
    );
  }
}

/** `Name: value`; `Name:` takes the header away, `Name;` sends it without a value. */
function parseLine(line: string): Line {
  const [, name, mark, rest = ""] = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)([:;])(.*)$/s.exec(line) ?? [];
  if (name === undefined || (mark === ";" && rest.trim() !== ""))
    throw wrongUsage(`-H takes a header, got ${JSON.stringify(line)}`, "-H 'Name: value'");
  const value = rest.trim();
  if (/[\0\r\n]/.test(value))
    throw wrongUsage(`Cannot send header ${name}: its value has a line end`, "-H 'Name: value'");
  return [name, mark === ":" && value === "" ? undefined : value];
}
