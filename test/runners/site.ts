/** A directory with modules, and fcgi-pm as it was installed for everybody, for tests that run them. */
import { spawn } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../helpers/manager.ts";

/** Writes a file below the directory, and the directories on the way. */
export function write(directory: string, name: string, text: string, mode = 0o644): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** Makes the frameworks of this checkout a module's own. */
export function giveFrameworks(directory: string): void {
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
}

/** A copy of what is installed, in a directory of this mode; gives the program. Who may not enter a checkout may enter this. */
export function installCopy(directory: string, mode: number): string {
  const copy = join(directory, "installed");
  for (const part of [
    "bin",
    "dist/fcgi-pm.cjs",
    "dist/rest.cjs",
    "dist/node-runner.cjs",
    "dist/wsgi.py",
    "package.json",
  ]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  giveFrameworks(copy);
  chmodSync(copy, mode);
  return join(copy, "bin/fcgi-pm.js");
}

/** Runs a copy in the foreground; gives what ends it. How it ends depends on how far it has come by then. */
export function startCopy(program: string, args: readonly string[], runtime: string): () => Promise<void> {
  const env = { ...process.env, RUNTIME_DIRECTORY: runtime };
  const child = spawn(process.execPath, [program, "start", ...args], { env, stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return () => {
    child.kill("SIGTERM");
    return ended;
  };
}
