/** The programs of docs/tutorial.md, as they are written there. */
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { ask, discard, endAll, root, scratch, startReady } from "../helpers/manager.ts";
import { write } from "./site.ts";

jest.setTimeout(60_000);

const page = readFileSync(join(root, "docs/tutorial.md"), "utf8");
/** What `cat > PATH <<'EOT'` writes. */
const programs = [...page.matchAll(/^cat > (\/var\/www\/\S+) <<'EOT'\n([\s\S]*?)^EOT$/gm)].map(
  ([, path = "", text = ""]) => ({ path, name: path.slice(path.lastIndexOf("/") + 1), text }),
);

let directory: string;

beforeAll(async () => {
  directory = scratch();
  mkdirSync(join(directory, "node_modules"));
  symlinkSync(root, join(directory, "node_modules/fcgi-pm"));
  const tables = programs.map(({ name, text }) => {
    chmodSync(write(directory, name, text), 0o755);
    return `[apps."${name}"]\ncommand = "./${name}"\nsocket = "${name}.sock"\n`;
  });
  await startReady(["--config", write(directory, "fcgi-pm.toml", tables.join(""))]);
});

afterAll(async () => {
  await endAll();
  discard(directory);
});

test("are one in Perl and one in JavaScript", () => {
  expect(programs.map(({ name }) => name)).toEqual(["hello.fcgi", "clock.mjs"]);
});

test.each([
  ["hello.fcgi", /^Hello from worker 1, process \d+\n/],
  ["clock.mjs", /^\d{4}-\d\d-\d\dT[\d:.]+Z \/now\n$/],
] as const)("%s answers", async (name, body) => {
  const answer = await ask(join(directory, `${name}.sock`), "/now");
  expect([answer.status, String(answer.body)]).toEqual([200, expect.stringMatching(body)]);
});
