/** A worker for the conformance tests that need a process of their own. */
import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { respond } from "../../../src/index.ts";

const piece = Buffer.alloc(65_536, "x");

async function* pieces(count: number) {
  for (let made = 0; made < count; made += 1) yield piece;
}

/** Reads so slowly that a web server has to wait. */
async function readSlowly(body: AsyncIterable<Uint8Array>): Promise<string> {
  let [got, rested] = [0, 0];
  for await (const { length } of body) {
    got += length;
    if (got - rested < 1_048_576) continue;
    rested = got;
    await pause(1);
  }
  return String(got);
}

await respond(async ({ params, body, stderr }) => {
  const path = params.get("SCRIPT_NAME");
  if (path === "/down") return { body: pieces(4096) };
  if (path === "/up") return { body: await readSlowly(body) };
  if (path === "/stderr") stderr("a word\n");
  if (path === "/console") {
    console.log("to fd 1");
    console.error("to fd 2");
  }
  // The body's end is the test's word that the answer may come.
  for await (const one of body) if (one.length === 0) break;
  return { body: String(process.pid) };
});
if (process.argv[2] !== undefined) writeFileSync(process.argv[2], "listening");
