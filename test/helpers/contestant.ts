/** Tries to bind a path at each word on stdin, says how it went, and lets go at the next: for two of them to race. */
import { createInterface } from "node:readline";
import { bindUnix, type Listener } from "../../src/os/listener.ts";

const [path = ""] = process.argv.slice(2);
let listener: Listener | undefined;

createInterface({ input: process.stdin }).on("line", (word) => {
  if (word === "release") {
    listener?.release();
    listener = undefined;
    process.stdout.write("released\n");
    return;
  }
  try {
    listener = bindUnix(path, { backlog: 16, mode: 0o600 });
    process.stdout.write("won\n");
  } catch (error) {
    process.stdout.write(`${(error as { code?: string }).code}\n`);
  }
});
