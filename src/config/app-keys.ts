/** The keys of an app, by what they are about. A part of the one table in keys.ts. */
import type { Key } from "./key.ts";
import { duration } from "./key.ts";
import { programKeys } from "./program-keys.ts";

const listener = {
  socket: {
    kind: "path",
    group: "Listener",
    description: "The path of the Unix socket on which the app listens; never together with port.",
    placeholder: "<path>",
    otherwise: "`NAME.sock` in the runtime directory",
    own: true,
  },
  port: {
    kind: "port",
    group: "Listener",
    description:
      "The TCP port on which the app listens, with an address or without (127.0.0.1); never together with socket.",
    placeholder: "<address:port>",
    otherwise: "none: a Unix socket",
    own: true,
  },
  listen: {
    kind: "boolean",
    group: "Listener",
    description:
      "Whether the app has a listener; without one it is a plain supervised program, such as a queue worker.",
    placeholder: "",
    default: "true",
    flag: "--no-listen",
  },
  "listen-queue-depth": {
    kind: "integer",
    group: "Listener",
    description: "How many connections may wait in the listener's queue.",
    placeholder: "<n>",
    default: "511",
    min: 1,
    max: 65_535,
  },
  "socket-mode": {
    kind: "mode",
    group: "Listener",
    description: "The mode of the Unix socket, set before its path appears.",
    placeholder: "<mode>",
    default: "0660",
  },
  "socket-owner": {
    kind: "owner",
    group: "Listener",
    description: 'The owner of the Unix socket: "user", "user:group" or ":group".',
    placeholder: "<user:group>",
    otherwise: "the workers' user and group",
  },
  "allowed-clients": {
    kind: "addresses",
    group: "Listener",
    description: "The IP addresses from which the workers accept connections (FCGI_WEB_SERVER_ADDRS); only with port.",
    placeholder: "<address>",
    otherwise: "any client",
    repeats: true,
  },
} as const satisfies Record<string, Key>;

const environment = {
  env: {
    kind: "env",
    group: "Environment",
    description: "Variables for the workers; names are letters, digits and underscores, as a shell can carry them.",
    placeholder: "<name=value>",
    otherwise: "none",
    repeats: true,
  },
  "env-file": {
    kind: "paths",
    group: "Environment",
    description:
      "Files of NAME=VALUE lines, read at the start and by every reload; a later file overrides an earlier one.",
    placeholder: "<path>",
    otherwise: "none",
    repeats: true,
  },
  "pass-env": {
    kind: "env-names",
    group: "Environment",
    description: "Names of variables that the workers get from the manager's own environment.",
    placeholder: "<name>",
    otherwise: "none",
    repeats: true,
  },
} as const satisfies Record<string, Key>;

const life = {
  processes: {
    kind: "integer",
    group: "Workers",
    description: "How many workers the app has.",
    placeholder: "<n>",
    default: "1",
    min: 1,
    max: 10_000,
  },
  "init-start-delay": duration("Workers", "How long to wait between the first starts of two workers.", {
    default: "0",
    min: 0,
  }),
  "start-timeout": duration("Workers", "A worker that is not ready after this time is replaced.", {
    default: "60s",
    min: 1,
  }),
  "start-grace": duration(
    "Workers",
    "Where the kernel cannot be asked, a worker counts as ready after it has been alive for this time.",
    { default: "1s", min: 0 },
  ),
  "min-server-life": duration("Workers", "After a worker has lived this long, the wait between restarts starts over.", {
    default: "10s",
    min: 0,
  }),
  "restart-delay": duration(
    "Workers",
    "The wait before the second restart of a worker that died before it was ready; it doubles from one restart to the next.",
    { default: "100ms", min: 1 },
  ),
  "max-restart-delay": duration("Workers", "The longest wait between restarts.", { default: "60s", min: 1 }),
  "stop-signal": {
    kind: "signal",
    group: "Workers",
    description: "The signal that asks a worker to stop: TERM, INT, QUIT, HUP, USR1 or USR2.",
    placeholder: "<signal>",
    default: "TERM",
  },
  "stop-timeout": duration(
    "Workers",
    "A worker that is still there this long after the stop signal is killed with its group; an idle one after 2s.",
    { default: "10s", min: 0 },
  ),
  drain: {
    kind: "drain",
    group: "Workers",
    description:
      "How a worker leaves: idle waits until it holds no connection before the stop signal; signal sends it at once, for programs that finish their request.",
    placeholder: "<idle|signal>",
    default: "idle",
  },
  "drain-timeout": duration("Workers", "How long a busy worker may finish before it gets the stop signal.", {
    default: "60s",
    min: 0,
  }),
  watch: {
    kind: "paths",
    group: "Workers",
    description: "Files and directories; when something in them changes, the app is reloaded.",
    placeholder: "<path>",
    otherwise: "nothing is watched",
    repeats: true,
  },
} as const satisfies Record<string, Key>;

const output = {
  "output-file": {
    kind: "path",
    group: "Output",
    description: "The file that the lines of the workers go to, instead of the manager's log.",
    placeholder: "<path>",
    otherwise: "the manager's log",
    own: true,
  },
  "output-max-size": {
    kind: "size",
    group: "Output",
    description: "The output file is rotated when it is this large.",
    placeholder: "<size>",
    default: "64M",
    min: 64 * 1024,
  },
  "output-max-age": duration("Output", "The output file is rotated after this time.", {
    otherwise: "not rotated by age",
    min: 1000,
  }),
  "output-keep": {
    kind: "integer",
    group: "Output",
    description: "How many rotated output files are kept.",
    placeholder: "<n>",
    default: "10",
    min: 0,
    max: 1000,
  },
} as const satisfies Record<string, Key>;

/** The keys of `[apps.NAME]` and, but for those marked `own`, of `[defaults]`; all but `command` and `external` are flags of `start`, too. */
export const appKeys = { ...programKeys, ...listener, ...life, ...environment, ...output } as const;
