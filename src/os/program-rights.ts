/** May the workers' user start a program, and read what it runs? */
import { accessSync, constants } from "node:fs";
import { FcgiPmError } from "../errors.ts";
import { firstRefused, type PathTest } from "./access-as.ts";
import type { Identity } from "./identity.ts";
import type { Program } from "./program-wish.ts";

interface Question extends PathTest {
  readonly refusal: FcgiPmError;
}

/** Where the workers run as we do, we can ask for ourselves. */
export function refuseUnreadable({ sources }: Program, identity: Identity): void {
  for (const path of sources) {
    try {
      accessSync(path, constants.R_OK);
    } catch {
      throw notFor(path, identity, "read");
    }
  }
}

/** Asks as that user, with all its groups: mode bits alone would not tell of ACLs and of directories on the way. */
export async function refuseForUser(program: Program, identity: Identity): Promise<void> {
  const questions = questionsFor(program, identity);
  const refused = questions[await firstRefused(questions, identity)];
  if (refused !== undefined) throw refused.refusal;
}

function questionsFor({ path, cwd, runner, sources }: Program, identity: Identity): Question[] {
  const noEntry = `Cannot start workers in "${cwd}": user "${identity.name}" may not enter it`;
  return [
    { test: "-x", path, refusal: notFor(path, identity, "execute") },
    ...(runner === undefined ? [] : [{ test: "-r" as const, path: runner, refusal: noRunnerFor(runner, identity) }]),
    ...sources.map((source) => ({ test: "-r" as const, path: source, refusal: notFor(source, identity, "read") })),
    { test: "-x", path: cwd, refusal: new FcgiPmError("FCGI_PM_CWD_WRONG", noEntry) },
  ];
}

function notFor(path: string, identity: Identity, what: "read" | "execute"): FcgiPmError {
  const message = `Cannot start "${path}": user "${identity.name}" may not ${what} it`;
  return new FcgiPmError("FCGI_PM_PROGRAM_NOT_EXECUTABLE", message, {
    remedy: `check the rights of the file and of each directory above it: namei -l ${path}`,
  });
}

function noRunnerFor(runner: string, identity: Identity): FcgiPmError {
  const message = `Cannot start workers: user "${identity.name}" may not read ${runner}, the part of fcgi-pm that serves the application`;
  return new FcgiPmError("FCGI_PM_RUNNER_UNREADABLE", message, {
    remedy: "install fcgi-pm where every user may read it, such as npm install --global fcgi-pm",
  });
}
