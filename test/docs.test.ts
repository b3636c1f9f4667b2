/** The pages under docs/ say what the code does: what can be checked of that is checked here. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { type Command, CommanderError, type Option } from "commander";
import { buildCommands, exitStatuses, signals, variables } from "../src/cli/commands.ts";
import { appKeys } from "../src/config/app-keys.ts";
import { formatTable } from "../src/config/docs-table.ts";
import type { NamedKey } from "../src/config/keys.ts";
import { appFlags, flagOf, managerFlags } from "../src/config/keys.ts";
import { splitWords } from "../src/config/words.ts";
import { failureOf } from "../src/control/failure.ts";
import { queries, verbs } from "../src/control/protocol.ts";
import { usualLimits } from "../src/control/server.ts";
import { FcgiPmError, isErrorCode } from "../src/errors.ts";
import { formatDuration } from "../src/units.ts";

const root = resolve(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");

/** Every page that people read, by its path from the root. Those of the root are checked as soon as they are there. */
const pages: readonly string[] = [
  ...["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].filter((file) => existsSync(join(root, file))),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
];

/** The commands as the program has them, with actions that do nothing and without a word on the terminal. */
function mutedCommands(): Command {
  const program = buildCommands("0.0.0", () => {});
  for (const command of [program, ...program.commands]) {
    command.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
    if (command !== program) command.action(() => {});
  }
  return program;
}

describe("docs/commands.md", () => {
  test("is what the commands are (else: UPDATE_DOCS=1 npm test -- test/docs)", () => {
    const path = join(root, "docs/commands.md");
    const text = commandsPage();
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, text);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("names no exit status that the help does not name, and no variable that nobody reads", () => {
    const help: string[] = [];
    buildCommands("0.0.0", () => {})
      .configureOutput({ writeOut: (text) => help.push(text) })
      .outputHelp();
    for (const status of exitStatuses.flatMap(([numbers]) => numbers.split(", ")))
      expect(help.join("")).toMatch(`${status} `);
    const sources = sourceFiles().map((file) => read(`src/${file}`));
    for (const name of variables.flatMap(([names]) => names.split(", "))) {
      expect(sources.filter((text) => text.includes(`"${name}"`))).not.toEqual([]);
    }
  });

  test("has every variable that the manager reads from its environment", () => {
    const rooms = ["cli/", "manager/", "os/"];
    const texts = sourceFiles()
      .filter((file) => rooms.some((room) => file.startsWith(room)))
      .map((file) => read(`src/${file}`));
    const known = variables.flatMap(([names]) => names.split(", "));
    const found = texts.flatMap((text) => [...text.matchAll(/(?:process\.env|\bown|\(env|= env)\["([A-Z_]+)"\]/g)]);
    expect(found.map((match) => match[1]).filter((name) => !known.includes(name ?? ""))).toEqual([]);
  });
});

function commandsPage(): string {
  const program = buildCommands("0.0.0", () => {});
  const parts = [
    "# Commands",
    "<!-- Written by test/docs.test.ts from src/cli/commands.ts and the key table. Change them there, then: UPDATE_DOCS=1 npm test -- test/docs -->",
    `${program.description()}`,
    formatTable(
      ["command", "what it does"],
      program.commands.map((command) => [
        `[\`fcgi-pm ${command.name()}\`](#fcgi-pm-${command.name()})`,
        command.summary(),
      ]),
    ),
    "`fcgi-pm help COMMAND` and `fcgi-pm COMMAND --help` print what is on this page. Without any word the help is printed, and the exit status is 2.",
    formatTable(
      ["option", "meaning"],
      [
        ["`-V, --version`", "print the version"],
        ["`-h, --help`", "print this help"],
      ],
    ),
    ...program.commands.flatMap(commandSection),
    "## Exit status",
    formatTable(["status", "meaning"], exitStatuses),
    "An error names what, where and why on standard error, and below it, after `try:`, what can be done.",
    "## Signals to the manager",
    formatTable(["signal", "what it does"], signals),
    "## Environment variables",
    formatTable(
      ["variable", "what fcgi-pm does with it"],
      variables.map(([names, meaning]) => [codes(names), meaning]),
    ),
    "What the workers find in their environment: [configuration](configuration.md#the-environment-of-a-worker).",
  ];
  return `${parts.join("\n\n")}\n`;
}

function commandSection(command: Command): string[] {
  const usage = `fcgi-pm ${command.name()} ${command.usage()}`.trim();
  const own = command.options.filter((option) => keyOf(command, option) === undefined);
  const keys = command.options.map((option) => keyOf(command, option)).filter((key) => key !== undefined);
  const groups = [...new Set(keys.map((key) => key.group))];
  return [
    `## fcgi-pm ${command.name()}`,
    `\`${usage}\``,
    command.description(),
    ...table(
      ["argument", "meaning"],
      command.registeredArguments.map((argument) => [`\`${argument.name()}\``, argument.description]),
    ),
    ...table(
      ["option", "meaning"],
      own.map((option) => [`\`${option.flags}\``, option.description]),
    ),
    ...groups.flatMap((group) => [
      `### ${group}`,
      ...table(["option", "default", "meaning"], keys.filter((key) => key.group === group).map(flagRow)),
    ]),
  ];
}

/** The key of the table that this option stands for: only `start` takes them. */
function keyOf(command: Command, option: Option): NamedKey | undefined {
  if (command.name() !== "start") return undefined;
  return [...appFlags, ...managerFlags].find((key) => flagOf(key) === option.flags);
}

function flagRow(key: NamedKey): string[] {
  const flag = `\`${flagOf(key)}\`${key.repeats === true ? ", may repeat" : ""}`;
  const fallback = key.default === undefined ? (key.otherwise ?? "none") : `\`${key.default}\``;
  return [flag, key.placeholder === "" ? "off" : fallback, key.description];
}

function table(head: string[], rows: string[][]): string[] {
  return rows.length === 0 ? [] : [formatTable(head, rows)];
}

function codes(names: string): string {
  return names
    .split(", ")
    .map((name) => `\`${name}\``)
    .join(", ");
}

describe("links", () => {
  const links = pages.flatMap((page) => linksOf(page).map((link) => [page, link] as const));

  test.each(links)("of %s: %s leads somewhere", (page, link) => {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : relative(root, resolve(root, dirname(page), path));
    expect(existsSync(join(root, target))).toBe(true);
    if (anchor !== undefined && target.endsWith(".md")) expect(anchorsOf(read(target))).toContain(anchor);
  });
});

/** What Markdown links of a page point to, but for other sites. */
function linksOf(page: string): string[] {
  const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
  return [...new Set(links)].filter((link) => !/^[a-z]+:/.test(link));
}

/** As GitHub makes them: lower case, without punctuation, blanks to hyphens, doubles numbered. */
function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>();
  return [...withoutFences(text).matchAll(/^#+ (.+)$/gm)].map((match) => {
    const anchor = (match[1] ?? "")
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}

function withoutFences(text: string): string {
  return text.replace(/^( *)```[\s\S]*?^\1```$/gm, "");
}

function withoutCode(text: string): string {
  return withoutFences(text).replace(/`[^`\n]*`/g, "");
}

describe("command lines in the docs", () => {
  const lines = pages.flatMap((page) => commandLinesOf(read(page)).map((line) => [page, line] as const));

  test("are found", () => {
    expect(lines.length).toBeGreaterThan(5);
  });

  test.each(lines)("in %s: %s has only commands and flags that exist", (_page, line) => {
    const words = splitWords(line.replace(/\s+(?:#.*|[|&;<>].*|2>.*)$/, ""));
    expect(words).toBeDefined();
    expect(() => parse(words?.slice(1) ?? [])).not.toThrow();
  });

  test("that use a command or a flag that does not exist are refused", () => {
    expect(() => parse(["state"])).toThrow("unknown command");
    expect(() => parse(["start", "app.fcgi", "--demon"])).toThrow("unknown option");
    expect(() => parse(["check", "--quick"])).toThrow("unknown option");
  });
});

/** Commander's own judgement of a command line; help and version are no mistakes. */
function parse(words: readonly string[]): void {
  try {
    mutedCommands().parse(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
  }
}

/** Lines of fenced blocks that call fcgi-pm: by hand, as root, in a unit file, with variables before it. */
function commandLinesOf(text: string): string[] {
  const call = /^\s*(?:\$ |# )?(?:sudo )?(?:Exec\w+=)?(?:[A-Z_]+=\S* )*(?:npx )?(?:\S*\/)?(fcgi-pm(?= |$).*)$/;
  const blocks = [...text.matchAll(/^( *)```\w*\n([\s\S]*?)^\1```$/gm)].map((match) => match[2] ?? "");
  const lines = blocks.flatMap((block) => block.replace(/\\\n\s*/g, "").split("\n"));
  return lines.map((line) => call.exec(line)?.[1]).filter((line) => line !== undefined);
}

describe("docs/architecture.md", () => {
  const page = read("docs/architecture.md");
  const rows = [...page.matchAll(/^\| `([\w./-]+\.ts)` +\| .+ \|$/gm)].map((match) => match[1] ?? "");

  test("has one line for every file of src/, and for no other", () => {
    expect(rows.toSorted()).toEqual(sourceFiles().toSorted());
  });
});

function sourceFiles(): string[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
}

describe("docs/operations.md", () => {
  test("explains every notice, and none that does not exist", () => {
    const sources = ["src/supervision/notice.ts", "src/manager/notices.ts"].map(read);
    const types = sources.flatMap((text) =>
      [...text.matchAll(/readonly type: "([a-z.-]+)"/g)].map((match) => match[1]),
    );
    const explained = [...read("docs/operations.md").matchAll(/^\| `([a-z]+\.[a-z-]+)` +\|/gm)].map(
      (match) => match[1],
    );
    expect(types.length).toBeGreaterThan(20);
    expect(explained.toSorted()).toEqual(types.toSorted());
  });

  test("says of every key of an app what a reload does with it", () => {
    const [, section = ""] = read("docs/operations.md").split("### What a reload does with each key\n");
    const rows = [...(section.split(/^#/m)[0] ?? "").matchAll(/^\| [^`|]+ \| (`.+`) +\|$/gm)].map((match) => match[1]);
    const keys = rows.flatMap((row = "") => row.split(", ").map((key) => key.replaceAll("`", "")));
    expect(keys.toSorted()).toEqual(Object.keys(appKeys).toSorted());
  });
});

describe("docs/control-api.md", () => {
  const page = read("docs/control-api.md");
  const tables: readonly (readonly [method: string, table: typeof queries | typeof verbs])[] = [
    ["GET", queries],
    ["POST", verbs],
  ];
  const requests: [name: string, fields: string[]][] = tables.flatMap(([method, table]) =>
    Object.entries(table).map(([path, { shape }]): [string, string[]] => [`${method} ${path}`, Object.keys(shape)]),
  );
  const sections = new Map(page.split(/^### /m).map((text) => [text.slice(0, text.indexOf("\n")), text]));

  test("has a section and a row for every verb and query of the protocol, and for no other", () => {
    const names = requests.map(([name]) => name).toSorted();
    const rows = [...page.matchAll(/^\| \[`((?:GET|POST) [^`]+)`\]/gm)].map((match) => match[1]);
    expect([...sections.keys()].filter((name) => /^(GET|POST) /.test(name)).toSorted()).toEqual(names);
    expect(rows.toSorted()).toEqual(names);
  });

  test.each(requests)("of %s: has the fields %j, and no others", (name, fields) => {
    const section = sections.get(name)?.split(/^## /m)[0] ?? "";
    const rows = [...section.matchAll(/^\| `(\w+)` +\|/gm)].map((match) => match[1]);
    expect(rows.toSorted()).toEqual(fields.toSorted());
  });

  test.each(requests)("of %s: has a call with curl and an answer that is JSON", (name) => {
    const [method = "", path = ""] = name.split(" ");
    const section = sections.get(name) ?? "";
    const [, call = ""] = /^```sh\n(curl .*)\n```$/m.exec(section) ?? [];
    const [, answer = ""] = /^```json\n([\s\S]*?)\n```$/m.exec(section) ?? [];
    const [, called] = /http:\/\/localhost([\w/-]+)/.exec(call) ?? [];
    expect(called?.replace(/apps\/\w+/, "apps/:app")).toBe(path);
    expect(call.includes("--request POST")).toBe(method === "POST");
    const values = answer.startsWith("{\n") ? [answer] : answer.split("\n");
    for (const value of values) expect(JSON.parse(value)).toBeInstanceOf(Object);
  });

  test("has the status of every error that has one of its own", () => {
    const codes = [...read("src/errors.ts").matchAll(/^ {2}(FCGI_PM_[A-Z_]+):/gm)].map((match) => match[1] ?? "");
    const own = codes
      .filter(isErrorCode)
      .map((code) => [failureOf(new FcgiPmError(code, "")).status, code] as const)
      .filter(([status]) => status !== 409);
    const rows = [...page.matchAll(/^\| (\d{3}) +\| `(FCGI_PM_[A-Z_]+)` +\|/gm)].map((match) => [
      Number(match[1]),
      match[2],
    ]);
    expect(own.length).toBeGreaterThan(5);
    expect(rows.toSorted()).toEqual(own.toSorted());
  });

  test("has the limits", () => {
    const rows = new Map(
      [...page.matchAll(/^\| ([\w ]+?) +\| (\S+) +\| [^|]+ \|$/gm)].map((match) => [match[1], match[2]]),
    );
    expect(rows.get("connections")).toBe(String(usualLimits.mostConnections));
    expect(rows.get("clients that follow logs or events")).toBe(String(usualLimits.mostStreams));
    expect(rows.get("time from the connection to the whole request")).toBe(formatDuration(usualLimits.askMs));
    expect(rows.get("time to take an answer")).toBe(formatDuration(usualLimits.takeMs));
  });
});
