import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { parse } from "smol-toml";
import { configurationDoc, jsonSchema } from "../../src/config/docs.ts";
import { appKeys, fileKeys, managerKeys } from "../../src/config/keys.ts";
import { fixtureNames, parseText, readFixture } from "./context.ts";
import { isValid } from "./json-schema.ts";

const page = configurationDoc();
const schema = jsonSchema();

test.each([
  ["docs/configuration.md", page],
  ["docs/fcgi-pm.schema.json", `${JSON.stringify(schema, undefined, 2)}\n`],
])("%s is what the key table says (else: UPDATE_DOCS=1 npm test -- test/config/docs)", (name, text) => {
  const path = fileURLToPath(new URL(`../../${name}`, import.meta.url));
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, text);
  expect(readFileSync(path, "utf8")).toBe(text);
});

describe("docs/configuration.md", () => {
  test("has a row for every key", () => {
    const rows = [...page.matchAll(/^\| `([a-z-]+)` +\|/gm)].map((match) => match[1]);
    expect(rows.sort()).toEqual(Object.keys({ ...appKeys, ...managerKeys, ...fileKeys }).sort());
  });

  test("has tables of even rows", () => {
    const tables = page.split("\n\n").filter((block) => block.startsWith("| "));
    expect(tables.length).toBeGreaterThan(6);
    for (const table of tables)
      expect(
        new Set(
          table
            .trim()
            .split("\n")
            .map((row) => row.length),
        ).size,
      ).toBe(1);
  });

  test("begins with an example that works", async () => {
    const example = /```toml\n(.*?)```/s.exec(page)?.[1] ?? "";
    expect((await parseText(example)).apps.map((app) => app.name)).toEqual(["blog", "shop", "wiki", "mailer"]);
    expect(isValid(schema, parse(example))).toBe(true);
  });
});

describe("docs/fcgi-pm.schema.json", () => {
  test.each([...fixtureNames("valid"), "conf.d/mailer.toml"])("accepts fixtures/configs/valid/%s", (name) => {
    expect(isValid(schema, parse(readFixture("valid", name)))).toBe(true);
  });

  const wrong = fixtureNames("broken").filter((name) => !readFixture("broken", name).startsWith("# beyond the schema"));
  test.each(wrong)("refuses fixtures/configs/broken/%s", (name) => {
    expect(isValid(schema, parse(readFixture("broken", name), { integersAsBigInt: "asNeeded" }))).toBe(false);
  });

  test.each([
    "processes = 0",
    'processes = "4"',
    "prcesses = 4",
    "stop-timeout = 5",
    'stop-timeout = "5"',
    'socket = ""',
    'socket = "/x"\nport = 9000',
    "port = 70000",
    'listen = false\nsocket = "/x"',
    'listen = false\nsocket-mode = "0600"',
    'port = 9000\nsocket-mode = "0600"',
    'allowed-clients = ["127.0.0.1"]',
    'stop-signal = "KILL"',
    'env = { "A-B" = "x" }',
    "env = { A = 1 }",
    "rlimits = { stack = 1 }",
    "umask = 22",
    "output-keep = 3",
    'output-max-size = "1M"',
    'output-file = "x.log"\noutput-max-size = 4096',
    'output-file = "x.log"\noutput-max-size = "64 M"',
    'output-file = "x.log"\noutput-keep = 1001',
    "watch = true",
    'wsgi = "blog:app"',
    "threads = 4",
    'python = "/srv/venv"',
    'script-name = ""',
    "lighttpd-root-fix = true",
  ])("refuses what parsing refuses: %j", async (text) => {
    const file = `[apps.blog]\ncommand = "x"\n${text}\n`;
    expect(isValid(schema, parse(file))).toBe(false);
    await expect(parseText(file)).rejects.toThrow("apps.blog");
  });

  test.each(["threads = 0", 'script-name = "blog"', "listen = false", 'lighttpd-root-fix = "yes"', 'python = ""'])(
    "refuses of a WSGI application what parsing refuses: %j",
    async (text) => {
      const file = `[apps.blog]\nwsgi = "blog:app"\n${text}\n`;
      expect(isValid(schema, parse(file))).toBe(false);
      await expect(parseText(file)).rejects.toThrow("apps.blog");
    },
  );

  test("describes every key, and holds the defaults as a file would write them", () => {
    const app = (
      schema as { $defs: { app: { properties: Record<string, { description: string; default?: unknown }> } } }
    ).$defs.app.properties;
    expect(Object.keys(app)).toEqual(Object.keys(appKeys));
    for (const { description } of Object.values(app)) expect(description).toMatch(/\.$/);
    const defaults = Object.fromEntries(
      Object.entries(app).flatMap(([name, { default: value }]) => (value === undefined ? [] : [[name, value]])),
    );
    expect(defaults).toMatchObject({
      processes: 1,
      listen: true,
      "stop-timeout": "10s",
      "socket-mode": "0660",
      "init-start-delay": "0",
      "output-max-size": "64M",
    });
    expect(isValid(schema, { defaults, apps: { blog: { command: "x" } } })).toBe(true);
  });
});
