/** The real commands in a runtime directory of their own, and managers there that no test has as its child. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach } from "@jest/globals";
import type { Status } from "../../src/observe/status.ts";
import { type Ended, endWithWorkers, isAlive, type Place, processes, runToEnd, usePlace } from "./manager.ts";
import { until } from "./wait.ts";

export interface Site extends Place {
  /** Where sockets and control sockets lie. */
  readonly runtime: string;
  /** For an app whose processes must be found wherever they are: nobody else has one of this name. */
  readonly app: string;
  /** Runs `fcgi-pm ARGS…` to its end. */
  run(...args: string[]): Promise<Ended>;
  /** What the only manager of this site says of itself and its apps. */
  status(): Promise<Status>;
  /** All sockets, locks and other files in the runtime directory. */
  files(): string[];
  /** Managers and commands of this site that are alive, and workers of `app`. */
  processes(): number[];
}

/** A new site for each test of the file; managers that a failed test has left there are ended after it. */
export function useSite(): Site {
  // Before the place is cleared away: hooks run in the order in which they are made.
  afterEach(() => endManagers(site));
  const place = usePlace();
  const site: Site = {
    get directory() {
      return place.directory;
    },
    get path() {
      return place.path;
    },
    get runtime() {
      return join(place.directory, "run");
    },
    get app() {
      return `app-${basename(place.directory)}`;
    },
    run: (...args) => runToEnd(args, { cwd: place.directory, env: { RUNTIME_DIRECTORY: site.runtime } }),
    status: async () => {
      const { stdout } = await site.run("status", "--json");
      return (JSON.parse(stdout) as { managers: Status[] }).managers[0] as Status;
    },
    files: () => filesIn(site.runtime),
    processes: () => having(`RUNTIME_DIRECTORY=${site.runtime}`, `FCGI_PM_APP=${site.app}`),
  };
  return site;
}

async function endManagers({ runtime }: Site): Promise<void> {
  for (const pid of having(`RUNTIME_DIRECTORY=${runtime}`)) {
    await endWithWorkers(pid);
    await until(() => !isAlive(pid), { what: "the end of a manager that was left" });
  }
}

/** Live processes that were started with one of these variables. */
function having(...variables: readonly string[]): number[] {
  return processes()
    .filter(({ pid, state }) => state !== "Z" && environmentOf(pid).some((variable) => variables.includes(variable)))
    .map(({ pid }) => pid);
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function filesIn(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}
