/** Whatever a file says, an import neither fails nor writes what is no config. */
import { describe, expect, test } from "@jest/globals";
import { parse } from "smol-toml";
import { parseContext } from "../../src/cli/context.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { FcgiPmError } from "../../src/errors.ts";
import { importAll } from "../../src/import/importer.ts";
import { nameFrom } from "../../src/import/names.ts";
import { type Kind, kinds, recognise } from "../../src/import/recognise.ts";
import { durationOf, modeText } from "../../src/import/rules.ts";
import { commentText, tomlOf } from "../../src/import/toml.ts";
import { writeConfig } from "../../src/import/write.ts";
import { parseDuration, parseMode } from "../../src/units.ts";
import fc from "../helpers/chance.ts";
import { appsOf, configOf, fixtureWorld, mainFiles, readFixture, worldOf } from "./world.ts";

/** Words that mean something to somebody, in any order. */
const pieces = [
  ...[
    "[supervisord]\n",
    "[fcgi-program:x]\n",
    "[program:y]\n",
    "command=",
    "socket=unix://",
    "numprocs=",
    "%(process_num)d",
    "environment=",
  ],
  ...[
    "FastCgiServer ",
    "-processes ",
    "-socket ",
    "FastCgiExternalServer ",
    "-host ",
    "<VirtualHost *>\n",
    "</VirtualHost>\n",
    "FcgidWrapper ",
  ],
  ...[
    'fastcgi.server = ( "/x" => (( ',
    '"bin-path" => ',
    '"max-procs" => ',
    " )) )\n",
    "$HTTP",
    "{",
    "}",
    "=>",
    "include ",
    "+=",
  ],
  ...[
    "[pool]\n",
    "listen = ",
    "pm.max_children = ",
    "php_value[x] = ",
    "[Service]\n",
    "ExecStart=",
    "Environment=",
    "User=",
    "%i",
  ],
  ...[
    "spawn-fcgi ",
    "-s ",
    "-p ",
    "-F ",
    "-- ",
    "multiwatch ",
    "php-cgi ",
    "-b ",
    "$X",
    `\${Y}`,
    "`z`",
    "export ",
    "constructor",
    "__proto__",
  ],
  ...[
    "/srv/app",
    "9000",
    "127.0.0.1:1",
    "www-data",
    "\n",
    "\n",
    "\\\n",
    " ",
    '"',
    "'",
    "\\",
    "=",
    ",",
    ";",
    "#",
    "(",
    ")",
    "\u0000",
    "é",
    "\u2028",
  ],
];

const texts = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 4 })), { maxLength: 40 })
  .map((parts) => parts.join(""));

/** What a config refuses. That there is no app is no fault of the import. */
async function complaintsOf(text: string): Promise<string[]> {
  try {
    await parseConfig([{ path: "/x/fcgi-pm.toml", text }], parseContext());
    return [];
  } catch (error) {
    const lines = String((error as Error).message).split("\n");
    return lines.filter((line) => !line.includes("no app is configured") && line !== "");
  }
}

describe("any text", () => {
  test.each(kinds)("as %s becomes a config that parses, with no key that a config refuses", async (kind) => {
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const imported = importAll([{ file: "/etc/any", text }], worldOf(), kind);
        const written = writeConfig(imported, ["/etc/any"]);
        const active = imported.apps.filter(({ isDormant }) => !isDormant).map(({ name }) => name);
        expect(Object.keys((parse(written)["apps"] as object | undefined) ?? {})).toEqual(active);
        expect(await complaintsOf(written)).toEqual([]);
      }),
      { numRuns: 1500 },
    );
  });

  test("of the fixtures, cut anywhere, has no key that a config refuses", async () => {
    const cuts = fc
      .constantFrom(...mainFiles)
      .chain((name) => fc.tuple(fc.constant(name), fc.nat(readFixture(name).length)));
    await fc.assert(
      fc.asyncProperty(cuts, async ([name, at]) => {
        const kind = recognise(name, readFixture(name)) as Kind;
        const text = configOf(`/x/${name}`, readFixture(name).slice(0, at), fixtureWorld(), kind);
        expect(await complaintsOf(text)).toEqual([]);
      }),
      { numRuns: 1500 },
    );
  });

  test("that is nobody's is refused with the ways out", () => {
    expect(() => importAll([{ file: "/a", text: "hello\n" }], worldOf())).toThrow(FcgiPmError);
  });
});

describe("what is written", () => {
  test("reads back as it was, whatever the text", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(text, fc.array(text), fc.dictionary(text, text), (one, list, table) => {
        const lines = [`a = ${tomlOf(one)}`, `b = ${tomlOf(list)}`, `c = ${tomlOf(table)}`, `# ${commentText(one)}`];
        const own = parse(`${lines.join("\n")}\n`);
        expect([own["a"], own["b"]]).toEqual([one, list]);
        expect(Object.entries(own["c"] as object).toSorted()).toEqual(Object.entries(table).toSorted());
      }),
    );
  });

  test("of durations and modes means the same to us", () => {
    fc.assert(fc.property(fc.nat(24 * 86_400_000), (ms) => expect(parseDuration(durationOf(ms) ?? "")).toBe(ms)));
    fc.assert(fc.property(fc.nat(0o777), (mode) => expect(parseMode(modeText(mode.toString(8)) ?? "")).toBe(mode)));
  });

  test("of names is what an app may be called", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) =>
        expect(nameFrom(text)).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
      ),
    );
  });
});

test("two apps of one name, and two on one address, are told apart", () => {
  const lines = [
    "FastCgiServer /a/x.fcgi -port 9000",
    "FastCgiServer /b/x.fcgi -port 9001",
    "FastCgiServer /c/y.fcgi -port 9001",
  ];
  const text = configOf("/etc/a.conf", lines.join("\n"));
  expect(Object.keys(appsOf(text))).toEqual(["x", "x-2"]);
  expect(text).toContain('it listens where "x-2" does');
});
