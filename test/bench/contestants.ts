/** Who is measured: fcgi-pm, its peers, and how each is told to run N workers of one program on one Unix socket. */
import { accessSync, constants, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Running, startCrowd } from "./gauge.ts";
import { benchSources, echo, fcgiPm, freshSocket, scratch } from "./places.ts";

export const names = ["fcgi-pm", "spawn-fcgi + multiwatch", "supervisord", "bare Node loop"] as const;
export type Name = (typeof names)[number];

export interface Contestant {
  readonly name: Name;
  /** Programs that it needs and this machine does not have. */
  readonly missing: readonly string[];
  /** It takes about a second for everything, and so takes part in fewer rounds. */
  readonly isSlow: boolean;
  command(workers: number, socket: string): string[];
}

const spawnFcgi = (socket: string, ...command: string[]) => ["spawn-fcgi", "-n", "-s", socket, "--", ...command];

export const contestants: readonly Contestant[] = [
  {
    name: "fcgi-pm",
    missing: [],
    isSlow: false,
    command: (workers, socket) => {
      const flags = ["--processes", String(workers), "--socket", socket];
      return [process.execPath, fcgiPm, "start", echo(), ...flags];
    },
  },
  {
    name: "spawn-fcgi + multiwatch",
    missing: lacking("spawn-fcgi", "multiwatch"),
    isSlow: false,
    command: (workers, socket) => {
      // By default it gives a worker up after three deaths within ten seconds of a start.
      const patient = ["-r", "1000000"];
      return spawnFcgi(socket, pathOf("multiwatch") ?? "", "-f", String(workers), ...patient, "--", echo());
    },
  },
  {
    name: "supervisord",
    missing: lacking("supervisord"),
    isSlow: true,
    command: (workers, socket) => ["supervisord", "-n", "-c", supervisorConfig(workers, socket)],
  },
  {
    name: "bare Node loop",
    missing: lacking("spawn-fcgi"),
    isSlow: false,
    command: (workers, socket) =>
      spawnFcgi(socket, process.execPath, join(benchSources, "node-loop.js"), String(workers), echo()),
  },
];

/** One worker with nobody to watch it; undefined where spawn-fcgi is missing. */
export function aloneCommand(socket: string): string[] | undefined {
  return lacking("spawn-fcgi").length > 0 ? undefined : spawnFcgi(socket, echo());
}

/** Those that are installed. */
export const present: readonly Contestant[] = contestants.filter(({ missing }) => missing.length === 0);

/** Starts a manager and waits until its workers wait in accept. */
export async function startManager(who: Contestant, workers: number): Promise<Running & { readonly socket: string }> {
  const socket = freshSocket();
  return { ...(await startCrowd(workers, who.command(workers, socket))), socket };
}

/** Starts all who are present, uses them, and stops them whatever happens. */
export async function withManagers<T>(
  workers: number,
  use: (managers: ReadonlyMap<Name, Awaited<ReturnType<typeof startManager>>>) => Promise<T>,
): Promise<T> {
  const managers = new Map<Name, Awaited<ReturnType<typeof startManager>>>();
  try {
    for (const who of present) managers.set(who.name, await startManager(who, workers));
    return await use(managers);
  } finally {
    await Promise.all([...managers.values()].map((manager) => manager.stop()));
  }
}

function supervisorConfig(workers: number, socket: string): string {
  const lines = [
    "[supervisord]",
    "logfile=/dev/null",
    "logfile_maxbytes=0",
    `pidfile=${socket}.pid`,
    "minfds=8192",
    ...(process.getuid?.() === 0 ? ["user=root"] : []),
    "[fcgi-program:echo]",
    `command=${echo()}`,
    `socket=unix://${socket}`,
    "process_name=%(process_num)d",
    `numprocs=${workers}`,
    "autorestart=true",
    "startsecs=0",
    "stdout_logfile=NONE",
    "stderr_logfile=NONE",
  ];
  const path = join(scratch(), `supervisord-${workers}-${Date.now()}.conf`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

function lacking(...programs: string[]): string[] {
  return programs.filter((program) => pathOf(program) === undefined);
}

/** Where PATH finds a program. */
function pathOf(program: string): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((directory) => join(directory, program))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
