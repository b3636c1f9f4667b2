/** The frameworks behind a real nginx: a browser cannot tell it from their own HTTP server. */
import { chmodSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { startNginx } from "../helpers/webservers.ts";
import { type Answered, type Ask, askHttp, buildMain, startBoth } from "./frameworks/both.ts";
import { names, rows } from "./frameworks/questions.ts";
import { makeDirectory, Undo } from "./peers.ts";

jest.setTimeout(60_000);
const forAll = new Undo();
let [main, files] = ["", ""];
beforeAll(() => {
  main = buildMain(forAll);
  files = makeDirectory(forAll);
  writeFileSync(join(files, "file.txt"), "line of a file\n".repeat(100));
});
afterAll(() => forAll.all());

/** nginx does not let these through. */
const refused = new Set(["a percent sign that is none", "a file above the directory"]);

/** nginx sorts headers in its own way and adds its own; Debian's fastcgi_params send the host without its port. */
function asSeen({ status, headers, body }: Answered) {
  const ours = headers
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .filter((line) => !line.startsWith("server: "));
  return { status, headers: ours.sort(), body: body.replace("//site.test:8080/", "//site.test/") };
}

describe.each([
  ["a connection for each request", {}],
  ["connections that are kept", { keepConn: 2 }],
])("with %s", (_name, connections) => {
  test.each(names)("%s answers as ever", async (name) => {
    const undo = new Undo();
    try {
      const { judge, path } = await startBoth(main, name, files, undo);
      chmodSync(dirname(path), 0o755);
      chmodSync(path, 0o666);
      const nginx = await startNginx({ upstream: { unix: path }, mount: "/", ...connections });
      undo.add(() => nginx.stop());
      await askAll(askHttp(nginx.port), judge);
      expect(nginx.log()).not.toMatch(/\[(error|crit|alert|emerg)\]/);
    } finally {
      await undo.all();
    }
  });
});

async function askAll(nginx: Ask, judge: Ask): Promise<void> {
  for (const [title, { question }] of Object.entries(rows)) {
    if (refused.has(title)) continue;
    const [answer, expected] = [await nginx(question), await judge(question)];
    expect({ title, ...asSeen(answer) }).toEqual({ title, ...asSeen(expected) });
  }
}
