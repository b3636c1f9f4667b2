/** A service whose units are not what its config asks for now: found out, said, and told apart from other causes. */
import { type ErrorCode, FcgiPmError } from "../errors.ts";
import type { Finding } from "./finding.ts";

/** What `install` would change. */
export interface UnitLag {
  /** Of the service, such as `fcgi-pm.service`. */
  readonly unit: string;
  /** Of settings the names, `User=`; of units that would come or go the file names. None: it only has to be started anew. */
  readonly settings: readonly string[];
  /** The files that would change, each with its lines below it, as `install` shows them. */
  readonly lines: readonly string[];
  /** The command that mends it. */
  readonly remedy: string;
}

const powers = ["User=", "Group=", "CapabilityBoundingSet="];
const places = ["ReadWritePaths=", "ProtectHome=", "PrivateTmp=", "LogsDirectory="];

/** Which settings keep a service from what fails in this way. */
const causes: Partial<Record<ErrorCode, readonly string[]>> = {
  FCGI_PM_USER_FORBIDDEN: powers,
  FCGI_PM_PORT_FORBIDDEN: powers,
  FCGI_PM_SOCKET_FORBIDDEN: [...powers, ...places],
  FCGI_PM_SOCKET_DIRECTORY_WRONG: places,
  FCGI_PM_CONTROL_PATH_WRONG: [...powers, ...places],
  FCGI_PM_LOG_UNWRITABLE: [...powers, ...places],
  FCGI_PM_CONFIG_UNREADABLE: [...powers, ...places],
  FCGI_PM_PROGRAM_MISSING: places,
  FCGI_PM_PROGRAM_NOT_EXECUTABLE: [...powers, ...places],
  FCGI_PM_PROGRAM_WRONG: [...powers, ...places],
  FCGI_PM_INTERPRETER_MISSING: places,
  FCGI_PM_CWD_WRONG: [...powers, ...places],
};

/** The error with the cause and its remedy, where the units may be why; anything else comes back as it is. */
export function blameUnit(error: unknown, lag: UnitLag | undefined): unknown {
  const known = error instanceof FcgiPmError ? causes[error.code] : undefined;
  if (!(error instanceof FcgiPmError) || lag === undefined || known === undefined) return error;
  const guilty = lag.settings.filter((setting) => known.includes(setting));
  if (lag.settings.length > 0 && guilty.length === 0) return error;
  const what = guilty.length === 0 ? "has changed since it was started" : `is not up to date (${guilty.join(", ")})`;
  const message = `${error.message}. ${lag.unit} ${what}, which may be why`;
  return new FcgiPmError(error.code, message, { remedy: lag.remedy, details: error.details, cause: error });
}

export function sentenceOfLag({ unit, settings }: UnitLag): string {
  return `${unit} is not up to date: install would change ${settings.join(", ")}`;
}

/** It runs all the same, as long as the config asks for nothing that the service may not do. */
export function unitBehind(lag: UnitLag): Finding {
  return {
    code: "place.unit-behind",
    level: "risk",
    what: sentenceOfLag(lag),
    seen: lag.lines,
    remedy: [lag.remedy],
  };
}
