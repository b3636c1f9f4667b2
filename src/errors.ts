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
  FCGI_PM_LOG_UNWRITABLE: { exitStatus: 1, remedy: "check the path and its rights, or choose another --log-file" },
  FCGI_PM_SYSTEM_CALL_FAILED: { exitStatus: 1, remedy: "see the reason above" },
} as const satisfies Record<string, { exitStatus: number; remedy: string }>;

export type ErrorCode = keyof typeof catalogue;

/** An expected failure. The message says what, where and why; the remedy says what to do. Anything else that is thrown is a bug. */
export class FcgiPmError extends Error {
  override readonly name = "FcgiPmError";
  readonly code: ErrorCode;
  readonly exitStatus: number;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitStatus = catalogue[code].exitStatus;
    this.remedy = options.remedy ?? catalogue[code].remedy;
  }
}
