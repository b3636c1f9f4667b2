/** Which managers run here: asks at every control socket of the directories, and clears away those of the dead. */
import { readdirSync, type Stats } from "node:fs";
import { join } from "node:path";
import { FcgiPmError } from "../errors.ts";
import type { Status } from "../observe/status.ts";
import { connectControl } from "./client.ts";
import { lookUp } from "./exchange.ts";
import { removeSame } from "./socket-file.ts";

/** How the control sockets in a directory are called. */
const controlEnding = ".control";

export interface FoundManager {
  readonly path: string;
  readonly status: Status;
}

export interface FailedManager {
  readonly path: string;
  readonly error: FcgiPmError;
}

/** Both by path. */
export interface Found {
  readonly managers: readonly FoundManager[];
  /** Those that are there and could not be asked: silent ones, and those of other users. */
  readonly failed: readonly FailedManager[];
}

/** How they are asked. */
export interface Look {
  readonly timeoutMs?: number;
  /** Are they to ask their external apps whether they can be reached? */
  readonly reach?: boolean;
}

/** So many are asked at a time. */
const mostAsked = 16;

/** Every manager whose control socket lies in these directories. Sockets at which nobody listens any more are removed. */
export async function findManagers(directories: readonly string[], options: Look = {}): Promise<Found> {
  const paths = directories.flatMap(listSockets);
  const answers: Answer[] = [];
  const askEach = async (index: number): Promise<void> => {
    const path = paths[index];
    if (path === undefined) return;
    answers[index] = await ask(path, options);
    await askEach(index + mostAsked);
  };
  await Promise.all(Array.from({ length: mostAsked }, (_, index) => askEach(index)));
  return {
    managers: answers.filter((answer) => answer !== undefined && "status" in answer),
    failed: answers.filter((answer) => answer !== undefined && "error" in answer),
  };
}

/** The manager that is named by its socket, taken as it is: nothing is removed. */
export async function managerAt(path: string, options: Look = {}): Promise<FoundManager> {
  return { path, status: await connectControl(path, options).status(undefined, options) };
}

/** The one that has this app. */
export function managerOf(app: string, found: Found): FoundManager {
  const having = found.managers.filter(({ status }) => namesOf(status).includes(app));
  if (having.length > 0) return only(having, `have an app "${app}"`);
  throw noneWith(app, found);
}

/** The one that there is, for commands that mean a manager as a whole. */
export function onlyManager({ managers, failed: [unasked] }: Found): FoundManager {
  if (managers.length > 0) return only(managers, "run");
  throw unasked?.error ?? missing();
}

function listSockets(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith(controlEnding));
    return names.toSorted().map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") return [];
    throw new FcgiPmError(
      "FCGI_PM_CONTROL_FORBIDDEN",
      `Cannot look for managers in "${directory}": no right to read it`,
    );
  }
}

type Answer = FoundManager | FailedManager | undefined;

/** Undefined: nobody is there. */
async function ask(path: string, options: Look): Promise<Answer> {
  const file = lookUp(path);
  if (file?.isSocket() !== true) return undefined;
  try {
    return await managerAt(path, options);
  } catch (error) {
    if (!(error instanceof FcgiPmError)) throw error;
    if (error.code === "FCGI_PM_MANAGER_GONE") clear(path, file);
    const isGone = error.code === "FCGI_PM_MANAGER_GONE" || error.code === "FCGI_PM_MANAGER_MISSING";
    return isGone ? undefined : { path, error };
  }
}

/** Who may look but not write leaves it to others. */
function clear(path: string, file: Stats): void {
  try {
    removeSame(path, file);
  } catch {}
}

function only(managers: readonly FoundManager[], what: string): FoundManager {
  const [one, ...others] = managers;
  if (one !== undefined && others.length === 0) return one;
  const paths = managers.map(({ path }) => path).join(", ");
  throw new FcgiPmError("FCGI_PM_MANAGER_AMBIGUOUS", `${managers.length} managers ${what}: ${paths}`);
}

/** It may be an app of the manager that does not answer. */
function noneWith(app: string, { managers, failed: [unasked] }: Found): FcgiPmError {
  if (unasked !== undefined) return unasked.error;
  if (managers.length === 0) return missing();
  const known = managers.flatMap(({ status }) => namesOf(status));
  return new FcgiPmError("FCGI_PM_APP_UNKNOWN", `There is no app "${app}", only ${known.join(", ") || "none at all"}`);
}

/** Of all its apps, those included that it does not run. */
function namesOf({ apps, externals = [] }: Status): string[] {
  return [...apps, ...externals].map(({ app }) => app);
}

function missing(): FcgiPmError {
  return new FcgiPmError("FCGI_PM_MANAGER_MISSING", "No manager is running");
}
