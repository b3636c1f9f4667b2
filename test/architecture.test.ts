/** The floors of docs/architecture.md: a room uses its own files and the floors below. Never sideways, never up, no cycles. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";

const root = resolve(import.meta.dirname, "../src");

/** Rooms by floor. A room is named by the folder, or the file, that it is. */
const floors: readonly (readonly string[])[] = [
  ["errors.ts", "units.ts", "shell-word.ts", "plain-name.ts"],
  ["supervision", "config", "fastcgi/wire", "observe", "diagnosis", "generate", "import"],
  ["os", "fastcgi", "control"],
  ["manager", "runners"],
  ["doctor"],
  ["cli", "index.ts"],
];

const pureFloors = 2;

interface Import {
  readonly from: string;
  readonly to: string;
}

function sourceFiles(): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
}

/** The longest name of a room that the file lies in. */
function roomOf(file: string): string {
  const rooms = floors.flat().filter((room) => file === room || file.startsWith(`${room}/`));
  const room = rooms.toSorted((a, b) => b.length - a.length)[0];
  if (room === undefined)
    throw new Error(`${file} lies in no room: give it one in this test and in docs/architecture.md`);
  return room;
}

function floorOf(room: string): number {
  return floors.findIndex((rooms) => rooms.includes(room));
}

function specifiersOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

const imports: Import[] = sourceFiles().flatMap((file) =>
  specifiersOf(file)
    .filter((specifier) => specifier.startsWith(".") && specifier.endsWith(".ts"))
    .map((specifier) => ({ from: file, to: relative(root, resolve(root, dirname(file), specifier)) })),
);

describe("the house", () => {
  test("every file lies in a room", () => {
    for (const file of sourceFiles()) expect(floorOf(roomOf(file))).toBeGreaterThanOrEqual(0);
  });

  test("a room uses its own files and the floors below, never sideways and never up", () => {
    const wrong = imports.filter(({ from, to }) => {
      const [here, there] = [roomOf(from), roomOf(to)];
      return here !== there && floorOf(there) >= floorOf(here);
    });
    expect(wrong).toEqual([]);
  });

  test("no files import each other in a circle", () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]) => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      if (path.includes(file) || done.has(file)) return;
      for (const { to } of imports.filter(({ from }) => from === file)) visit(to, [...path, file]);
      done.add(file);
    };
    for (const file of sourceFiles()) visit(file, []);
    expect(circles).toEqual([]);
  });

  test("the pure floors ask nothing of Node: no node: import, no process, no clock, no timer, no chance", () => {
    const worldly =
      /from "node:|\bprocess\.|\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b|Date\.now|new Date\(|performance\.|Math\.random/;
    const wrong = sourceFiles()
      .filter((file) => floorOf(roomOf(file)) < pureFloors)
      .filter((file) => worldly.test(withoutComments(readFileSync(join(root, file), "utf8"))));
    expect(wrong).toEqual([]);
  });

  test("only os/posix.ts knows koffi", () => {
    expect(sourceFiles().filter((file) => specifiersOf(file).includes("koffi"))).toEqual(["os/posix.ts"]);
  });

  test("no file is called after a pattern instead of a thing", () => {
    const names = sourceFiles().filter((file) =>
      /(^|\/)(utils?|helpers?|services?|handlers?|misc|common)(\.ts|\/)/.test(file),
    );
    expect(names).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}
