/** A file that the program did not find, or may not open. */
import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, resolve } from "node:path";
import type { Cause } from "../diagnosis/death.ts";
import type { Complaint } from "../diagnosis/last-words.ts";
import { settingOf } from "../diagnosis/setting.ts";
import type { Case } from "./case.ts";
import { firstClosed } from "./rights.ts";
import { type Aim, works } from "./variation.ts";

type FileComplaint = Extract<Complaint, { kind: "file-missing" | "forbidden" }>;

export async function causeOfFile(sick: Case, complaint: FileComplaint, aim: Aim): Promise<Cause | undefined> {
  const closed = await causeOfRights(sick, complaint);
  if (closed !== undefined) return closed;
  return complaint.kind === "file-missing" && !isAbsolute(complaint.path)
    ? causeOfDirectory(sick, complaint, aim)
    : undefined;
}

/** "No such file" is also said of one behind a closed directory. What may be opened was to be written, as a rule. */
async function causeOfRights(sick: Case, { path, kind }: FileComplaint): Promise<Cause | undefined> {
  const { identity, program } = sick.plan;
  const full = resolve(program.cwd, path);
  const wanted = kind === "forbidden" && !existsSync(full) ? dirname(full) : full;
  const closed =
    (await firstClosed(wanted, "read", identity)) ??
    (kind === "forbidden" ? await firstClosed(wanted, "write", identity) : undefined);
  if (closed === undefined) return undefined;
  const { name, uid } = identity;
  return {
    code: "program.forbidden-file",
    what: `The program runs as ${name} and may not use ${full}: ${closed.path} ${closed.hinders}`,
    seen: [
      `asked as ${name} (uid ${uid}): ${closed.path} has the rights ${closed.rights}`,
      ...(process.geteuid?.() === 0 && uid !== 0
        ? ["root may use it: started by hand as root the program works, or fails elsewhere"]
        : []),
    ],
    remedy: [
      // Programs of a package run as the user that their files belong to; what is opened for all may be a password.
      ...(closed.owner === "root" ? [] : [settingOf(sick.home, "user", closed.owner)]),
      `chown ${name} ${closed.path}, if it belongs to this app alone`,
      closed.isDirectory ? closed.remedy : `${closed.remedy}   # o+rw, if the program writes to it`,
    ],
  };
}

/** SQLite makes a file that is not there, but no directory. */
export async function causeOfDatabase(
  sick: Case,
  { path, line }: Extract<Complaint, { kind: "database" }>,
): Promise<Cause | undefined> {
  if (path === "") return undefined;
  const missing = firstMissing(dirname(path));
  if (missing === undefined) return causeOfRights(sick, { kind: "forbidden", path, line });
  return {
    code: "program.database",
    what: `The program does not get at its database ${path}: there is no ${missing}`,
    seen: [`ls -d ${missing}: No such file or directory`],
    remedy: [
      `restore ${missing}, or correct the path in the program's settings`,
      `the app's user has to write to ${dirname(path)}: chown ${sick.plan.identity.name} ${dirname(path)}`,
    ],
  };
}

/** The uppermost one. */
function firstMissing(path: string): string | undefined {
  if (existsSync(path)) return undefined;
  return firstMissing(dirname(path)) ?? path;
}

/** Directories in which people start a program by hand. */
async function causeOfDirectory(sick: Case, { path }: FileComplaint, aim: Aim): Promise<Cause | undefined> {
  const { cwd, path: program } = sick.plan.program;
  const near = [process.cwd(), dirname(program), dirname(dirname(program)), sick.plan.app.directory];
  for (const directory of new Set(near)) {
    if (directory === cwd || !existsSync(resolve(directory, path))) continue;
    if (await works(sick, { cwd: directory }, aim)) return relative(sick, path, directory);
  }
  return undefined;
}

function relative(sick: Case, path: string, directory: string): Cause {
  const { cwd } = sick.plan.program;
  return {
    code: "program.relative-path",
    what: `The program opens ${path}, a relative path: its workers start in ${cwd}, and the file lies in ${directory}`,
    seen: [
      `there is ${resolve(directory, path)}, and no ${resolve(cwd, path)}`,
      `started in ${directory}, and otherwise the same, it works`,
    ],
    remedy: [
      settingOf(sick.home, "cwd", directory),
      `or make the path absolute in the program, from where ${basename(sick.plan.program.path)} itself lies`,
    ],
  };
}
