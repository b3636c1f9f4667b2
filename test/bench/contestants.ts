/** Who is measured: fcgi-pm, its peers, and how each is told to run N workers of one program on one Unix socket. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Running, startCrowd } from "./gauge.ts";
import { lacking, pathOf } from "./installed.ts";
import { benchSources, fcgiPm, freshSocket } from "./places.ts";
import { echo, type Program } from "./programs.ts";
import type { Column } from "./table.ts";

export type Name = "fcgi-pm" | "spawn-fcgi + multiwatch" | "supervisord" | "bare Node loop";

export interface Contestant extends Column {
  readonly name: Name;
  /** It takes about a second for everything, and so takes part in fewer rounds. */
  readonly isSlow: boolean;
  command(workers: number, socket: string, program: Program): string[];
}

/** A manager at work. */
export interface Manager extends Running {
  readonly socket: string;
}

const spawnFcgi = (socket: string, ...command: string[]) => ["spawn-fcgi", "-n", "-s", socket, "--", ...command];

/** Where a manager on this socket is told something, if it is one that can be told. */
export const controlOf = (socket: string) => `${socket}.control`;
export const supervisorConfigOf = (socket: string) => `${socket}.conf`;

export const contestants: readonly Contestant[] = [
  {
    name: "fcgi-pm",
    missing: [],
    isSlow: false,
    command: (workers, socket, { path, bootMs }) => {
      const flags = ["--processes", String(workers), "--socket", socket, "--control", controlOf(socket)];
      const env = bootMs > 0 ? ["--env", `BOOT_MS=${bootMs}`] : [];
      return [process.execPath, fcgiPm, "start", path, ...flags, ...env];
    },
  },
  {
    name: "spawn-fcgi + multiwatch",
    missing: lacking("spawn-fcgi", "multiwatch"),
    isSlow: false,
    command: (workers, socket, program) => {
      // By default it gives a worker up after three deaths within ten seconds of a start.
      const patient = ["-r", "1000000"];
      const multiwatch = [pathOf("multiwatch") ?? "", "-f", String(workers), ...patient, "--", program.path];
      return booting(program, spawnFcgi(socket, ...multiwatch));
    },
  },
  {
    name: "supervisord",
    missing: lacking("supervisord"),
    isSlow: true,
    command: (workers, socket, program) => {
      writeFileSync(supervisorConfigOf(socket), supervisorConfig(workers, socket, program));
      return booting(program, ["supervisord", "-n", "-c", supervisorConfigOf(socket)]);
    },
  },
  {
    name: "bare Node loop",
    missing: lacking("spawn-fcgi"),
    isSlow: false,
    command: (workers, socket, program) => {
      const loop = [process.execPath, join(benchSources, "node-loop.js"), String(workers), program.path];
      return booting(program, spawnFcgi(socket, ...loop));
    },
  },
];

/** One worker with nobody to watch it; undefined where spawn-fcgi is missing. */
export function aloneCommand(socket: string): string[] | undefined {
  return lacking("spawn-fcgi").length > 0 ? undefined : spawnFcgi(socket, echo().path);
}

/** Those that are installed. */
export const present: readonly Contestant[] = contestants.filter(({ missing }) => missing.length === 0);

/** Starts a manager and waits until its workers wait in accept. */
export async function startManager(who: Contestant, workers: number, program = echo()): Promise<Manager> {
  const socket = freshSocket();
  return { ...(await startCrowd(workers, who.command(workers, socket, program))), socket };
}

/** Starts all who are present, uses them, and stops them whatever happens. */
export async function withManagers<T>(
  workers: number,
  use: (managers: ReadonlyMap<Name, Manager>) => Promise<T>,
): Promise<T> {
  const managers = new Map<Name, Manager>();
  try {
    for (const who of present) managers.set(who.name, await startManager(who, workers));
    return await use(managers);
  } finally {
    await Promise.all([...managers.values()].map((manager) => manager.stop()));
  }
}

/** With what the program reads from its environment. */
function booting({ bootMs }: Program, command: string[]): string[] {
  return bootMs > 0 ? ["env", `BOOT_MS=${bootMs}`, ...command] : command;
}

function supervisorConfig(workers: number, socket: string, { path, bootMs }: Program): string {
  const lines = [
    "[supervisord]",
    "logfile=/dev/null",
    "logfile_maxbytes=0",
    `pidfile=${socket}.pid`,
    "minfds=8192",
    ...(process.getuid?.() === 0 ? ["user=root"] : []),
    "[unix_http_server]",
    `file=${controlOf(socket)}`,
    "[supervisorctl]",
    `serverurl=unix://${controlOf(socket)}`,
    "[rpcinterface:supervisor]",
    "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    "[fcgi-program:echo]",
    `command=${path}`,
    `socket=unix://${socket}`,
    "process_name=%(process_num)d",
    `numprocs=${workers}`,
    "autorestart=true",
    // It believes in a worker after so many whole seconds. One that serves at once need not wait for that.
    `startsecs=${Math.ceil(bootMs / 1000)}`,
    "stdout_logfile=NONE",
    "stderr_logfile=NONE",
  ];
  return `${lines.join("\n")}\n`;
}
