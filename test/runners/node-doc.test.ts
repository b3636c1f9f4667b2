/** The modules of docs/node.md, as they are written there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { ask, discard, endAll, root, scratch, startReady } from "../helpers/manager.ts";
import { giveFrameworks, write } from "./site.ts";

jest.setTimeout(60_000);

const page = readFileSync(join(root, "docs/node.md"), "utf8");
/** Blocks that say in their first line which file they are. */
const modules = [...page.matchAll(/^```js\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = "", text = ""]) => ({
  name,
  text,
}));

let directory: string;

beforeAll(async () => {
  directory = scratch();
  giveFrameworks(directory);
  const tables = modules.map(({ name, text }) => {
    write(directory, name, text);
    return `[apps."${name}"]\ncommand = "./${name}"\nsocket = "${name}.sock"\n`;
  });
  await startReady(["--config", write(directory, "fcgi-pm.toml", tables.join(""))]);
});

afterAll(async () => {
  await endAll();
  discard(directory);
});

test("there is one for each framework", () => {
  const names = modules.map(({ name }) => name.split(".")[0]);
  expect(names).toEqual(expect.arrayContaining(["handler", "express", "fastify", "koa", "hono", "fetch", "server"]));
});

test.each(modules)("$name answers", async ({ name }) => {
  const { status, body } = await ask(join(directory, `${name}.sock`), "/hello");
  expect([status, String(body)]).toEqual([200, expect.stringMatching(/^hello/)]);
});
