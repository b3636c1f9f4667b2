/** Where in the text a key stands. Only for complaints: the parser that keeps places is slow, and loaded on the first of them. */
import type { AST } from "toml-eslint-parser";
import type { KeyPath, Problem } from "./problem.ts";
import type { ConfigFile } from "./toml.ts";
import { withoutMark } from "./toml.ts";

interface Spot {
  readonly line: number;
  readonly column: number;
}

type Spots = Map<string, Spot>;

/** No complaint goes deeper than apps.NAME.KEY.NAME; a hostile file may. */
const deepest = 4;

/** The same problems, each with the line and column of its key or of the nearest table around it, in the order of the files. */
export async function locateProblems(problems: readonly Problem[], files: readonly ConfigFile[]): Promise<Problem[]> {
  const { parseTOML } = await import("toml-eslint-parser");
  const byFile = new Map(files.map((file) => [file.path, findSpots(file.text, parseTOML)]));
  const located = problems.map((problem) => locate(problem, byFile.get(problem.file ?? "")));
  const order = new Map(files.map((file, index) => [file.path, index]));
  const rank = (problem: Problem) => order.get(problem.file ?? "") ?? 0;
  return located.sort((one, other) => rank(one) - rank(other) || (one.line ?? 0) - (other.line ?? 0));
}

function locate(problem: Problem, spots: Spots | undefined): Problem {
  if (problem.line !== undefined || spots === undefined) return problem;
  for (let length = problem.keyPath.length; length > 0; length -= 1) {
    const spot = spots.get(JSON.stringify(problem.keyPath.slice(0, length)));
    if (spot !== undefined) return { ...problem, ...spot };
  }
  return problem;
}

/** A text that this parser refuses has no spots: its problems are told without lines. */
function findSpots(text: string, parseTOML: (text: string, options: { tomlVersion: "1.1" }) => AST.TOMLProgram): Spots {
  const spots: Spots = new Map();
  try {
    for (const node of parseTOML(withoutMark(text), { tomlVersion: "1.1" }).body[0].body) {
      if (node.type === "TOMLKeyValue") visitPair(node, [], spots);
      else visitTable(node, spots);
    }
  } catch {
    return spots;
  }
  return spots;
}

function visitTable(table: AST.TOMLTable, spots: Spots): void {
  const path = table.resolvedKey.slice(0, deepest);
  for (const [index] of path.entries()) note(path.slice(0, index + 1), table.key, spots);
  for (const pair of table.body) visitPair(pair, table.resolvedKey, spots);
}

function visitPair(pair: AST.TOMLKeyValue, base: KeyPath, spots: Spots): void {
  let path = base;
  for (const key of pair.key.keys.slice(0, Math.max(0, deepest - base.length))) {
    path = [...path, key.type === "TOMLBare" ? key.name : key.value];
    note(path, key, spots);
  }
  visitValue(pair.value, path, spots);
}

function visitValue(value: AST.TOMLContentNode, path: KeyPath, spots: Spots): void {
  if (path.length >= deepest) return;
  if (value.type === "TOMLInlineTable") {
    for (const pair of value.body) visitPair(pair, path, spots);
  } else if (value.type === "TOMLArray") {
    for (const [index, element] of value.elements.entries()) {
      note([...path, index], element, spots);
      visitValue(element, [...path, index], spots);
    }
  }
}

/** The first place counts: a table may be opened by one header and filled by others. */
function note(path: KeyPath, node: AST.TOMLNode, spots: Spots): void {
  const key = JSON.stringify(path);
  if (!spots.has(key)) spots.set(key, { line: node.loc.start.line, column: node.loc.start.column + 1 });
}
