import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "@jest/globals";
import { makeDirectory, Undo } from "./peers.ts";

const undo = new Undo();
afterEach(() => undo.all());

test("importing the package does nothing: no handler, no output, and the process ends by itself", () => {
  const require = createRequire(import.meta.url);
  const outfile = join(makeDirectory(undo), "index.mjs");
  const source = fileURLToPath(new URL("../../src/index.ts", import.meta.url));
  execFileSync(require.resolve("esbuild/bin/esbuild"), [
    source,
    "--bundle",
    "--platform=node",
    "--format=esm",
    `--outfile=${outfile}`,
    "--log-level=warning",
  ]);
  const script = `const look = () => process.eventNames().map(String).join();
    const before = look();
    const api = await import(${JSON.stringify(outfile)});
    console.log(before === look(), Object.keys(api).sort().join());`;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  expect(said.toString()).toMatch(
    /^true FastCgiError,createResponder,createServer,request,respond,serve,toWebRequest,webServerParams\n$/,
  );
});
