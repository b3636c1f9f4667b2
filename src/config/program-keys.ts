/** The keys of an app that say what its workers run. A part of the one table in keys.ts. */
import type { Key } from "./key.ts";

/** What runs, and as whom. */
export const programKeys = {
  command: {
    kind: "command",
    group: "Program",
    description:
      "The program and its arguments: a list of strings, or one string that is split into words without a shell.",
    placeholder: "<program>",
    otherwise: "required, or `wsgi`",
    own: true,
  },
  wsgi: {
    kind: "wsgi",
    group: "Program",
    description:
      "The WSGI application that the workers serve instead of a command: the module and the name in it, or a file and the name.",
    placeholder: "<module:app>",
    otherwise: "none: the app has a command",
    own: true,
  },
  python: {
    kind: "program",
    group: "Program",
    description: "The Python interpreter of a WSGI application, or the directory of a virtualenv; only with wsgi.",
    placeholder: "<path>",
    otherwise: "`python3` of the workers' PATH",
  },
  threads: {
    kind: "integer",
    group: "Program",
    description: "How many requests a worker of a WSGI application serves at once; only with wsgi.",
    placeholder: "<n>",
    default: "1",
    min: 1,
    max: 1000,
  },
  "script-name": {
    kind: "script-name",
    group: "Program",
    description:
      "The SCRIPT_NAME that a WSGI application gets, taken off PATH_INFO where that begins with it; only with wsgi.",
    placeholder: "<path>",
    otherwise: "what the web server sends",
  },
  "lighttpd-root-fix": {
    kind: "boolean",
    group: "Program",
    description: "Whether SCRIPT_NAME is put before PATH_INFO, as lighttpd needs it at the root; only with wsgi.",
    placeholder: "",
    default: "false",
  },
  external: {
    kind: "boolean",
    group: "Program",
    description:
      "Whether somebody else starts the program: fcgi-pm only knows where it listens, by socket or port, and whether it answers.",
    placeholder: "",
    otherwise: "`false`: fcgi-pm starts it",
    own: true,
  },
  cwd: {
    kind: "path",
    group: "Program",
    description: "The directory in which the workers start.",
    placeholder: "<directory>",
    otherwise: "the program's directory; of a WSGI application where its config file lies",
  },
  user: {
    kind: "account",
    group: "Program",
    description: "The user the workers run as, by name or number, with the supplementary groups of that user.",
    placeholder: "<user>",
    otherwise: "the manager's own, with a warning where that is root",
  },
  group: {
    kind: "account",
    group: "Program",
    description: "The group the workers run as, by name or number.",
    placeholder: "<group>",
    otherwise: "the user's first group",
  },
  umask: {
    kind: "mode",
    group: "Program",
    description: "The rights that new files of a worker do not get.",
    placeholder: "<mode>",
    default: "0022",
  },
  priority: {
    kind: "integer",
    group: "Program",
    description: "The nice value of the workers: -20 is served first, 19 last.",
    placeholder: "<n>",
    otherwise: "the manager's own",
    min: -20,
    max: 19,
  },
  rlimits: {
    kind: "rlimits",
    group: "Program",
    description: "Resource limits of each worker: nofile, core, as, nproc; a number, a size, or unlimited.",
    placeholder: "<name=value>",
    otherwise: "the manager's own",
    repeats: true,
  },
} as const satisfies Record<string, Key>;
