/**
 * `fcgi-pm start --daemon`: starts the same manager in a session of its own and waits until it reports that all workers
 * are ready. Until then it is as if it ran in the foreground: it writes to our standard error, and signals to us are for it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { Duplex } from "node:stream";
import { FcgiPmError } from "../errors.ts";
import { type Report, reportFd, reportVariable } from "./report.ts";
import { printLines } from "./terminal.ts";

/** Starts the manager of our own command line, detached; gives the exit status: 0 when it is ready, else the manager's own. */
export async function startDaemon(): Promise<number> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
    env: { ...process.env, [reportVariable]: "1" },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // HUP would mean a reload to it; to us it means that the terminal has gone.
    process.on(signal, () => child.kill(signal === "SIGHUP" ? "SIGTERM" : signal));
  }
  const report = await Promise.race([reportOf(child), statusOf(child)]);
  if (typeof report === "number") return report;
  await printLines(
    report.apps.map((app) => `${app.app}: ${app.ready} of ${app.wanted} workers ready, manager pid ${child.pid}`),
  );
  return 0;
}

/** The one line that the manager writes when it is ready. It never comes from one that fails. */
function reportOf(child: ChildProcess): Promise<Report> {
  const channel = child.stdio[reportFd] as Duplex;
  return new Promise((resolve) => {
    let text = "";
    channel.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.endsWith("\n")) resolve(JSON.parse(text) as Report);
    });
    // It was killed: its exit says so.
    channel.on("error", () => {});
  });
}

/** Its exit status. It has said itself what was wrong, unless somebody killed it. */
function statusOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) =>
      reject(failed(`Cannot start the manager: ${cause.message}`, "see the reason above")),
    );
    child.once("exit", (code, signal) => {
      if (signal === null) resolve(code ?? 1);
      // Our own, sent on before it was so far as to obey it.
      else if (signal === "SIGINT" || signal === "SIGTERM") resolve(128 + constants.signals[signal]);
      else reject(failed(`The manager was ended by ${signal} before its workers were ready`, "see who did it: dmesg"));
    });
  });
}

function failed(message: string, remedy: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_START_FAILED", message, { remedy });
}
