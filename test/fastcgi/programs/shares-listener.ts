/** A worker on an inherited listener. It says when it listens, in a file, and can be asked to leave in other ways than by a signal. */
import { writeFileSync } from "node:fs";
import { respond } from "../../../src/index.ts";

await respond(async ({ params, body }) => {
  const path = params.get("SCRIPT_NAME");
  if (path === "/exit") process.exit(3);
  if (path === "/throw") setImmediate(() => JSON.parse("on purpose"));
  // The body's end is the test's word that the answer may come.
  for await (const piece of body) if (piece.length === 0) break;
  return { body: String(process.pid) };
});
writeFileSync(String(process.argv[2]), "listening");
