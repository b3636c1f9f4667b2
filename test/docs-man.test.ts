/** The manual page is what the commands are, and what man reads without a complaint. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { execa } from "execa";
import { buildCommands } from "../src/cli/commands.ts";
import { manPage } from "../src/cli/man-page.ts";
import { entry, flag, prose, verbatim } from "../src/cli/roff.ts";
import { version } from "../src/cli/version.ts";
import { appFlags, managerFlags } from "../src/config/keys.ts";
import { root } from "./helpers/manager.ts";

const path = join(root, "docs/man/fcgi-pm.1");
const program = buildCommands("0.0.0", () => {});

/** As `man` shows it, without bold letters. */
async function shown(): Promise<string> {
  const { stdout } = await execa("mandoc", ["-T", "utf8", "-O", "width=200", path]);
  return stdout.replace(/.\u0008/gu, "").replace(/\n +/g, " ");
}

describe("docs/man/fcgi-pm.1", () => {
  test("is what the commands are (else: UPDATE_DOCS=1 npm test -- test/docs)", () => {
    const text = manPage(program, version);
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, text);
    expect(existsSync(path) && readFileSync(path, "utf8")).toBe(text);
  });

  test("has nothing that mandoc complains of", async () => {
    const { stdout, exitCode } = await execa("mandoc", ["-T", "lint", "-W", "style", path], { reject: false });
    expect([stdout, exitCode]).toEqual(["", 0]);
  });

  test("has the sections that a reader of manual pages looks for, in their order", async () => {
    const sections = [...readFileSync(path, "utf8").matchAll(/^\.SH (.+)$/gm)].map((match) => match[1]);
    const usual = "NAME,SYNOPSIS,DESCRIPTION,COMMANDS,OPTIONS,FILES,ENVIRONMENT,SIGNALS,EXIT STATUS,EXAMPLES,SEE ALSO";
    expect(sections).toEqual(usual.split(","));
  });

  test("shows every command with its options, and every key as an option", async () => {
    const text = await shown();
    for (const command of program.commands) {
      expect(text).toContain(`fcgi-pm ${command.name()}`);
      for (const { long } of command.options) expect(text).toMatch(new RegExp(`(?<![\\w-])${long}(?![\\w-])`));
    }
    for (const key of [...appFlags, ...managerFlags])
      expect(text).toContain(key.description.split(/[`\s]+/, 6).join(" "));
  });
});

describe("text for man", () => {
  test("does not become a request at the beginning of a line, and keeps its backslashes and dashes", () => {
    expect(verbatim([".x", "'y", "a\\b --c"])).toBe(".EX\n\\&.x\n\\&'y\na\\eb \\-\\-c\n.EE");
    expect(prose(".fcgi is an ending")).toBe("\\&.fcgi is an ending");
    const words = Array.from({ length: 60 }, () => ".toml 'x'").join(" ");
    for (const line of prose(words).split("\n")) expect(line).toMatch(/^\\&[.']/);
  });

  test("has what is typed in bold, what is replaced in italics, and what is not ASCII by its number", () => {
    expect(flag("-c, --config <file>")).toBe("\\fB\\-c\\fP, \\fB\\-\\-config\\fP \\fIfile\\fP");
    expect(entry("x", "ask `fcgi-pm status` …")).toBe(".TP\nx\nask \\fBfcgi\\-pm\\ status\\fP \\[u2026]");
  });
});
