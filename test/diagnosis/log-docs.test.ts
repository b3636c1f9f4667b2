/** docs/troubleshooting.md has every message that the doctor knows, in the words of the tables. */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "@jest/globals";
import { filledIn } from "../../src/diagnosis/log.ts";
import type { Meaning } from "../../src/diagnosis/log-meaning.ts";
import { meanings } from "../../src/diagnosis/log-meanings.ts";
import { logMessages } from "../../src/diagnosis/log-messages.ts";

const path = join(resolve(import.meta.dirname, "../.."), "docs/troubleshooting.md");
const begin =
  "<!-- Written by test/diagnosis/log-docs.test.ts from src/diagnosis/log*.ts: UPDATE_DOCS=1 npm test -- log-docs -->";
const end = "<!-- end of what is written by the test -->";

test("the page is what the tables say (else: UPDATE_DOCS=1 npm test -- log-docs)", () => {
  const page = readFileSync(path, "utf8");
  const [before = "", rest = ""] = page.split(begin);
  const [, after = ""] = rest.split(end);
  const whole = [before, begin, "\n\n", sections(), "\n\n", end, after].join("");
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, whole);
  expect(readFileSync(path, "utf8")).toBe(whole);
});

test.each(logMessages.map(({ server, example }) => [server, example]))("%s: %s", (_server, example) => {
  expect(readFileSync(path, "utf8")).toContain(example);
});

const hello = { app: "hello", where: { kind: "unix", path: "/run/fcgi-pm/hello.sock" } } as const;

function sections(): string {
  return Object.entries(meanings)
    .map(([code, meaning]) => section(code, meaning))
    .join("\n\n");
}

function section(code: string, { title, what, causes, proof, remedy }: Meaning): string {
  const examples = logMessages.filter(({ means }) => means === code);
  const lines = examples.map(({ server, example }) =>
    server === "any" ? example : `${`${server}:`.padEnd(12)} ${example}`,
  );
  return [
    `### ${title}`,
    ["```text", ...lines, "```"].join("\n"),
    `${what.charAt(0).toUpperCase()}${what.slice(1)}.`,
    list("Usual causes", causes),
    list("See", proof.map(asCode)),
    list("Remedy", remedy.map(asCode)),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function list(head: string, items: readonly string[]): string {
  return items.length === 0 ? "" : [`${head}:`, "", ...items.map((item) => `- ${filledIn(item, hello)}`)].join("\n");
}

/** A command with what it is for; a plain sentence stays one. */
function asCode(text: string): string {
  const [command = "", comment] = text.split(/ {3}# /);
  const isSentence = comment === undefined && /^(?:read|mend|leave|write|put|send|print|see|the) /.test(command);
  if (isSentence) return command;
  return comment === undefined ? `\`${command}\`` : `\`${command}\`: ${comment}`;
}
