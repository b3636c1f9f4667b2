/** A worker on an inherited listener. It can be told to leave in other ways than by a signal. */
import { serve } from "../../../src/index.ts";

await serve(async ({ params, signal }) => {
  const path = params.get("SCRIPT_NAME");
  if (path === "/exit") setImmediate(() => process.exit(3));
  if (path === "/throw") setImmediate(() => thrower());
  if (path === "/slow") await new Promise((resolve) => process.once("SIGTERM", () => setImmediate(resolve)));
  return { body: `pid ${process.pid} aborted ${signal.aborted}` };
});
process.stdout.write("listening\n");

function thrower(): never {
  throw new Error("on purpose");
}
