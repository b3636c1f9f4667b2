/**
 * The least that a process manager on Node can be: N workers on the listener that is fd 0, each replaced when it ends.
 *
 *     spawn-fcgi -n -s SOCKET -- node node-loop.js N PROGRAM
 */
import { spawn } from "node:child_process";

const [count = "1", program = ""] = process.argv.slice(2);
const children = new Set();
let stopping = false;

function start() {
  const child = spawn(program, [], { stdio: [0, "inherit", "inherit"] });
  children.add(child);
  child.once("exit", () => {
    children.delete(child);
    if (!stopping) start();
  });
}

process.once("SIGTERM", () => {
  stopping = true;
  for (const child of children) child.kill("SIGTERM");
});

for (let number = 0; number < Number(count); number += 1) start();
