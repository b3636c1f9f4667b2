/** Every way fcgi-pm fails on purpose: its exit status, and what the operator can do about it. */
const catalogue = {
  FCGI_PM_USAGE_WRONG: { exitStatus: 2, remedy: "fcgi-pm --help" },
  FCGI_PM_CONFIG_WRONG: { exitStatus: 5, remedy: "mend the lines above, then: fcgi-pm check" },
  FCGI_PM_CONFIG_MISSING: {
    exitStatus: 5,
    remedy: "name a program (fcgi-pm start app.fcgi) or a file (--config FILE)",
  },
  FCGI_PM_CONFIG_UNREADABLE: { exitStatus: 5, remedy: "check the path and its rights" },
  FCGI_PM_PROGRAM_MISSING: { exitStatus: 1, remedy: "check the path of the program" },
  FCGI_PM_PROGRAM_NOT_EXECUTABLE: { exitStatus: 1, remedy: "chmod +x the program" },
  FCGI_PM_PROGRAM_WRONG: { exitStatus: 1, remedy: "check the program" },
  FCGI_PM_INTERPRETER_MISSING: {
    exitStatus: 1,
    remedy: "install the interpreter, or correct the first line of the program",
  },
  FCGI_PM_RUNNER_UNREADABLE: { exitStatus: 1, remedy: "install fcgi-pm again: npm install --global fcgi-pm" },
  FCGI_PM_CWD_WRONG: { exitStatus: 1, remedy: "give a --cwd that exists and that the workers' user may enter" },
  FCGI_PM_USER_UNKNOWN: { exitStatus: 1, remedy: "create the user or group, or name another" },
  FCGI_PM_USER_FORBIDDEN: { exitStatus: 1, remedy: "start fcgi-pm as root, or leave --user and --group out" },
  FCGI_PM_TOOL_MISSING: { exitStatus: 1, remedy: "install the package util-linux" },
  FCGI_PM_SOCKET_IN_USE: { exitStatus: 1, remedy: "stop that process, or give this app another --socket" },
  FCGI_PM_SOCKET_NOT_A_SOCKET: {
    exitStatus: 1,
    remedy: "remove it yourself if it is not needed, or give this app another --socket",
  },
  FCGI_PM_SOCKET_PATH_TOO_LONG: { exitStatus: 1, remedy: "choose a shorter --socket" },
  FCGI_PM_SOCKET_DIRECTORY_WRONG: { exitStatus: 1, remedy: "create the directory, or choose another --socket" },
  FCGI_PM_SOCKET_FORBIDDEN: { exitStatus: 1, remedy: "check the rights of the directory, or choose another --socket" },
  FCGI_PM_PORT_IN_USE: { exitStatus: 1, remedy: "stop that process, or give this app another --port" },
  FCGI_PM_PORT_FORBIDDEN: { exitStatus: 1, remedy: "choose a port of 1024 or more, or start fcgi-pm as root" },
  FCGI_PM_ADDRESS_MISSING: { exitStatus: 1, remedy: "give an address of this machine: ip address" },
  FCGI_PM_PASSED_SOCKET_WRONG: {
    exitStatus: 1,
    remedy: "give each app one ListenStream= in a socket unit of its own, without Accept=yes",
  },
  FCGI_PM_LOG_UNWRITABLE: { exitStatus: 1, remedy: "check the path and its rights, or choose another --log-file" },
  FCGI_PM_SYSTEM_CALL_FAILED: { exitStatus: 1, remedy: "see the reason above" },
  FCGI_PM_START_FAILED: {
    exitStatus: 1,
    remedy: "mend the program, then start again; without --daemon its manager goes on trying",
  },
  FCGI_PM_APP_CANNOT_RUN: {
    exitStatus: 1,
    remedy: "mend the program, then start again; without exit-on the manager goes on trying",
  },
  FCGI_PM_APP_UNKNOWN: { exitStatus: 3, remedy: "fcgi-pm status shows which apps there are" },
  FCGI_PM_APP_EXTERNAL: {
    exitStatus: 1,
    remedy: "do that where the app is started: here it is only known by its address",
  },
  FCGI_PM_NOTHING_TO_START: {
    exitStatus: 5,
    remedy: "add an app with a command or wsgi; generate, request and doctor need no manager for external ones",
  },
  FCGI_PM_WORKER_UNKNOWN: { exitStatus: 1, remedy: "fcgi-pm status APP shows its workers" },
  FCGI_PM_APP_STOPPED: { exitStatus: 1, remedy: "fcgi-pm restart APP" },
  FCGI_PM_MANAGER_MISSING: { exitStatus: 3, remedy: "start one: fcgi-pm start" },
  FCGI_PM_MANAGER_GONE: { exitStatus: 3, remedy: "start one: fcgi-pm start" },
  FCGI_PM_MANAGER_AMBIGUOUS: { exitStatus: 2, remedy: "name one of them: --control PATH" },
  FCGI_PM_MANAGER_SILENT: {
    exitStatus: 1,
    remedy: "see whether its process is stopped (state T in ps axf) or overloaded, then try again",
  },
  FCGI_PM_MANAGER_LOST: {
    exitStatus: 1,
    remedy: "fcgi-pm status shows whether it still runs, its log says why it ended",
  },
  FCGI_PM_RELOAD_REFUSED: { exitStatus: 1, remedy: "mend what is named above, then reload again; nothing has changed" },
  FCGI_PM_ROLL_TAKEN_BACK: {
    exitStatus: 1,
    remedy: "mend the program, then reload again; nothing has changed",
  },
  FCGI_PM_COMMAND_FAILED: { exitStatus: 1, remedy: "fcgi-pm logs APP shows what the workers wrote" },
  FCGI_PM_COMMAND_GIVEN_UP: { exitStatus: 1, remedy: "fcgi-pm status shows what came of it, then try again" },
  FCGI_PM_CONTROL_IN_USE: { exitStatus: 1, remedy: "stop that manager, or give this one another --control" },
  FCGI_PM_CONTROL_NOT_A_SOCKET: {
    exitStatus: 1,
    remedy: "give the path of a manager's control socket: --control PATH",
  },
  FCGI_PM_CONTROL_PATH_TOO_LONG: { exitStatus: 1, remedy: "choose a shorter --control" },
  FCGI_PM_CONTROL_PATH_WRONG: {
    exitStatus: 1,
    remedy: "check the directory and its rights, or choose another --control",
  },
  FCGI_PM_CONTROL_FORBIDDEN: { exitStatus: 1, remedy: "run this command as the manager's user, or as root" },
  FCGI_PM_CONTROL_BUSY: { exitStatus: 1, remedy: "end another one that follows logs or events, then try again" },
  FCGI_PM_ANSWER_WRONG: { exitStatus: 1, remedy: "use the fcgi-pm that the manager was started with" },
  FCGI_PM_REQUEST_WRONG: { exitStatus: 2, remedy: "docs/control-api.md says what each path takes" },
  FCGI_PM_REQUEST_PATH_UNKNOWN: { exitStatus: 2, remedy: "docs/control-api.md has all paths" },
  FCGI_PM_REQUEST_METHOD_WRONG: { exitStatus: 2, remedy: "GET asks, POST commands: docs/control-api.md has all paths" },
  FCGI_PM_REQUEST_NOT_JSON: {
    exitStatus: 2,
    remedy: "send a JSON object with content-type application/json, or nothing",
  },
  FCGI_PM_REQUEST_TOO_LARGE: { exitStatus: 2, remedy: "send less: no request needs that much" },
  FCGI_PM_REQUEST_TIMED_OUT: { exitStatus: 2, remedy: "send the whole request at once" },
  FCGI_PM_SYSTEMD_MISSING: {
    exitStatus: 1,
    remedy: "fcgi-pm generate sysv makes a script for /etc/init.d, fcgi-pm start --daemon needs neither",
  },
  FCGI_PM_INSTALL_FORBIDDEN: { exitStatus: 1, remedy: "sudo fcgi-pm install, or fcgi-pm install --user" },
  FCGI_PM_UNIT_FOREIGN: { exitStatus: 1, remedy: "move that file away, then try again" },
  FCGI_PM_UNIT_FAILED: { exitStatus: 1, remedy: "mend what is named above, then try again" },
  FCGI_CONNECT_FAILED: { exitStatus: 3, remedy: "fcgi-pm status shows which apps run, and where they listen" },
  FCGI_TIMED_OUT: { exitStatus: 1, remedy: "give it more time: --timeout 5m" },
  FCGI_ANSWER_CUT_SHORT: { exitStatus: 1, remedy: "fcgi-pm logs shows whether a worker died, and its last words" },
  FCGI_PROTOCOL_VIOLATED: {
    exitStatus: 1,
    remedy: "check that a FastCGI program listens there, and not another server",
  },
  FCGI_ANSWER_TOO_LARGE: { exitStatus: 1, remedy: "take the body as it comes: -o FILE" },
  FCGI_ANSWER_MALFORMED: {
    exitStatus: 1,
    remedy: "let the program write headers, an empty line, then the body, and nothing before them",
  },
  FCGI_REQUEST_REFUSED: { exitStatus: 1, remedy: "ask again, or ask in another role: --role" },
  FCGI_PM_LISTENER_MISSING: { exitStatus: 1, remedy: "give the app a socket or a port, or name another app" },
  FCGI_PM_VALUE_INEXPRESSIBLE: { exitStatus: 1, remedy: "choose a name without that character" },
  FCGI_PM_IMPORT_UNKNOWN: { exitStatus: 2, remedy: "say whose it is: fcgi-pm import --from KIND FILE" },
  FCGI_PM_IMPORT_UNREADABLE: { exitStatus: 2, remedy: "check the path and its rights" },
  FCGI_PM_IMPORT_EMPTY: {
    exitStatus: 1,
    remedy: "import the file that starts the program: docs/coming-from-supervisord.md",
  },
  FCGI_PM_IMPORT_OUTPUT_EXISTS: { exitStatus: 1, remedy: "give another --output, or --force to replace it" },
  FCGI_PM_IMPORT_OUTPUT_UNWRITABLE: { exitStatus: 1, remedy: "check the directory and its rights" },
  FCGI_PM_BUG: { exitStatus: 1, remedy: "this is a bug in fcgi-pm: report it with what the manager's log says" },
} as const satisfies Record<string, { exitStatus: number; remedy: string }>;

export type ErrorCode = keyof typeof catalogue;

/** A code that comes from another process may be of another version. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(catalogue, code);
}

export interface ErrorOptions {
  readonly remedy?: string;
  readonly cause?: unknown;
  readonly details?: readonly object[];
}

/** An expected failure. The message says what, where and why; the remedy says what to do. Anything else that is thrown is a bug. */
export class FcgiPmError extends Error {
  override readonly name = "FcgiPmError";
  readonly code: ErrorCode;
  readonly exitStatus: number;
  readonly remedy: string;
  /** Of a command that failed for some apps: what came of it for each. */
  readonly details: readonly object[];

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitStatus = catalogue[code].exitStatus;
    this.remedy = options.remedy ?? catalogue[code].remedy;
    this.details = options.details ?? [];
  }
}
