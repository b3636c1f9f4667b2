/** What is wanted, as plain data: the outcome of every check on flags and files, with defaults filled in and units resolved. */

export type Listen =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "none" };

export interface Owner {
  readonly user?: string;
  readonly group?: string;
}

export const rlimitNames = ["nofile", "core", "as", "nproc"] as const;
export type RlimitName = (typeof rlimitNames)[number];

/** One configured program. Times are in milliseconds, sizes in bytes, modes are numbers, paths are absolute unless the shell has to look them up. */
export interface App {
  readonly name: string;
  /** The program and its arguments. A program without a slash is looked up in `directory`, then in PATH. Absent: it has `wsgi`. */
  readonly command?: readonly [string, ...string[]];
  /** `module:name`, served by the Python runner. Absent: it has `command`. */
  readonly wsgi?: string;
  /** An interpreter, or the directory of a virtualenv; looked up as a program is. Absent: python3 of the workers' PATH. */
  readonly python?: string;
  /** Of each worker of a WSGI application. */
  readonly threads: number;
  /** Absent: what the web server sends. */
  readonly scriptName?: string;
  readonly lighttpdRootFix: boolean;
  /** Where relative names of this app start: the config file's directory, or the shell's for flags. */
  readonly directory: string;
  readonly listen: Listen;
  readonly processes: number;
  readonly listenQueueDepth: number;
  readonly socketMode: number;
  /** Absent: the workers' user and group. */
  readonly socketOwner?: Owner;
  /** Absent: the program's directory; for a WSGI application `directory`. */
  readonly cwd?: string;
  readonly user?: string;
  readonly group?: string;
  readonly umask: number;
  readonly env: Readonly<Record<string, string>>;
  readonly envFile: readonly string[];
  readonly passEnv: readonly string[];
  readonly allowedClients: readonly string[];
  readonly initStartDelayMs: number;
  readonly startTimeoutMs: number;
  /** How long a worker must live to count as ready where the kernel cannot be asked. */
  readonly startGraceMs: number;
  readonly minServerLifeMs: number;
  readonly restartDelayMs: number;
  readonly maxRestartDelayMs: number;
  /** Without "SIG": TERM, INT, QUIT, HUP, USR1, USR2. */
  readonly stopSignal: StopSignal;
  readonly stopTimeoutMs: number;
  readonly drain: "idle" | "signal";
  readonly drainTimeoutMs: number;
  /** When something in these changes, the app is reloaded. */
  readonly watch: readonly string[];
  readonly priority?: number;
  readonly rlimits: Readonly<Partial<Record<RlimitName, number | "unlimited">>>;
  /** Where the lines of the workers go. Absent: to the manager's log. */
  readonly outputFile?: string;
  /** In bytes. */
  readonly outputMaxSize: number;
  /** Absent: the file is not rotated by age. */
  readonly outputMaxAgeMs?: number;
  /** How many rotated files are kept. */
  readonly outputKeep: number;
}

export const stopSignals = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2"] as const;
export type StopSignal = (typeof stopSignals)[number];

export const logFormats = ["auto", "pretty", "json", "journal"] as const;
export type LogFormat = (typeof logFormats)[number];

export const exitReasons = ["never", "backoff", "stopped"] as const;
export type ExitOn = (typeof exitReasons)[number];

/** What concerns the manager itself: `[manager]`. */
export interface ManagerWish {
  /** `auto`: pretty on a terminal, to the journal where standard error is the journal, JSON otherwise. */
  readonly logFormat: LogFormat;
  /** Absent: standard error. */
  readonly logFile?: string;
  /** The path of the control socket. Absent: in the runtime directory, after the manager's pid. */
  readonly control?: string;
  /** When the manager ends by itself. Absent: never. */
  readonly exitOn?: ExitOn;
  /** Orphans below it become its children, and are reaped. Absent: only as PID 1. */
  readonly subreaper?: boolean;
}

/** A FastCGI app that somebody else starts, perhaps on another machine: all that is known is where it listens. */
export interface External {
  readonly name: string;
  /** The host may be a name. */
  readonly listen: Exclude<Listen, { kind: "none" }>;
}

export interface Config {
  readonly manager: ManagerWish;
  /** Those that fcgi-pm starts. */
  readonly apps: readonly App[];
  readonly externals: readonly External[];
}
