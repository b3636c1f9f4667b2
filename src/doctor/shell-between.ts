/** A shell script that starts the program as its child, and waits for it. */
import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { Finding } from "../diagnosis/finding.ts";
import { lookAt } from "../os/procfs.ts";
import type { Trial, TrialWorker } from "./trial.ts";
import { comesTrue } from "./wait.ts";

const shells = /^(sh|dash|bash|ash|zsh|ksh|mksh|busybox)$/;

/** A child that has just answered is given this time to wait again. */
const settleMs = 2000;

export async function shellBetween(trial: Trial, worker: TrialWorker): Promise<Finding[]> {
  const shell = executableOf(worker.pid);
  if (!shells.test(shell)) return [];
  const childThatWaits = () =>
    trial.processes().find(({ pid }) => pid !== worker.pid && lookAt(pid, trial.listener) === "waiting");
  let child = childThatWaits();
  await comesTrue(() => {
    child ??= childThatWaits();
    return child !== undefined;
  }, settleMs);
  if (child === undefined) return [];
  return [
    {
      code: "program.shell-between",
      level: "risk",
      what: `A shell stands between fcgi-pm and the program: signals reach the shell, and ${child.name} does not see them`,
      seen: [
        `the worker (process ${worker.pid}) is ${shell}, and its child ${child.name} (process ${child.pid}) waits for requests`,
      ],
      remedy: ["write exec in front of the last command of the script: exec python3 app.py"],
    },
  ];
}

/** Its name in the process list is the script's. */
function executableOf(pid: number): string {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return "";
  }
}
