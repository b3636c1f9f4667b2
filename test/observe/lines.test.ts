import { describe, expect, test } from "@jest/globals";
import { LastLines, LineSplitter, longestLine } from "../../src/observe/lines.ts";
import fc from "../helpers/chance.ts";

interface Said {
  readonly text: string;
  readonly cutBytes: number;
}

/** Feeds the chunks and, at the end, closes. */
function split(chunks: readonly Buffer[]): Said[] {
  const said: Said[] = [];
  const splitter = new LineSplitter(({ bytes, cutBytes }) => said.push({ text: bytes.toString("latin1"), cutBytes }));
  for (const chunk of chunks) {
    splitter.push(chunk);
    chunk.fill(0); // the buffer is shared by all workers and is overwritten by the next read
  }
  splitter.end();
  return said;
}

const texts = (said: readonly Said[]) => said.map(({ text }) => text);

describe("lines", () => {
  test("are the same wherever the bytes are cut", () => {
    const bytes = fc.array(fc.constantFrom(..."ab\n\r\0\xff"), { maxLength: 60 }).map((chars) => chars.join(""));
    fc.assert(
      fc.property(bytes, fc.array(fc.nat(60)), (text, cuts) => {
        const places = [0, ...cuts.map((cut) => Math.min(cut, text.length)).toSorted((a, b) => a - b), text.length];
        const chunks = places.slice(1).map((end, index) => Buffer.from(text.slice(places[index], end), "latin1"));
        const whole = text.split("\n");
        const expected = (whole.at(-1) === "" ? whole.slice(0, -1) : whole).map((line) => line.replace(/\r$/, ""));
        expect(texts(split(chunks))).toEqual(expected);
      }),
    );
  });

  test("that are too long are cut, and the bytes that are cut off are counted", () => {
    const chunk = () => Buffer.alloc(30_000, "x");
    const said = split([chunk(), chunk(), chunk(), Buffer.from("end\nnext\n")]);
    expect(said).toEqual([
      { text: "x".repeat(longestLine), cutBytes: 90_003 - longestLine },
      { text: "next", cutBytes: 0 },
    ]);
  });

  test("that are too long are cut in one chunk as well, and at the end", () => {
    expect(split([Buffer.from(`${"y".repeat(longestLine + 7)}\n`)])).toEqual([
      { text: "y".repeat(longestLine), cutBytes: 7 },
    ]);
    expect(split([Buffer.alloc(longestLine + 7, "z")])).toEqual([{ text: "z".repeat(longestLine), cutBytes: 7 }]);
  });

  test("of exactly the longest length are whole", () => {
    expect(split([Buffer.from(`${"w".repeat(longestLine)}\n`)])).toEqual([
      { text: "w".repeat(longestLine), cutBytes: 0 },
    ]);
  });

  test("that are only begun can be seen", () => {
    const splitter = new LineSplitter(() => {});
    splitter.push(Buffer.from("one\ntw"));
    splitter.push(Buffer.from("o"));
    expect(splitter.begun.toString()).toBe("two");
  });
});

describe("the last lines", () => {
  test("are so many, with the begun ones at the end", () => {
    const last = new LastLines(3);
    for (const text of ["a", "b", "c", "d"]) last.add(text);
    expect(last.with([])).toEqual(["b", "c", "d"]);
    expect(last.with(["e"])).toEqual(["c", "d", "e"]);
  });

  test("are shortened", () => {
    const last = new LastLines(1);
    last.add("x".repeat(1000));
    expect(last.with([])).toEqual([`${"x".repeat(500)}…`]);
  });
});
