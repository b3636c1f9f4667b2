/** How a request fails: the status and the words of its answer. */
import { type ErrorCode, FcgiPmError } from "../errors.ts";
import type { AppOutcome, ErrorAnswer } from "./protocol.ts";

/** What is not here is a command that could not be done (409): it is right, but not now, or not so. */
const statuses: { readonly [C in ErrorCode]?: number } = {
  FCGI_PM_REQUEST_WRONG: 400,
  FCGI_PM_REQUEST_PATH_UNKNOWN: 404,
  FCGI_PM_APP_UNKNOWN: 404,
  FCGI_PM_REQUEST_METHOD_WRONG: 405,
  FCGI_PM_REQUEST_TIMED_OUT: 408,
  FCGI_PM_REQUEST_TOO_LARGE: 413,
  FCGI_PM_REQUEST_NOT_JSON: 415,
  FCGI_PM_BUG: 500,
  FCGI_PM_CONTROL_BUSY: 503,
};

export interface Failure {
  readonly status: number;
  readonly answer: ErrorAnswer;
}

export function failureOf(error: FcgiPmError): Failure {
  const { code, message, remedy } = error;
  const details = error.details as readonly AppOutcome[];
  const status = statuses[code] ?? 409;
  return { status, answer: { error: { code, message, remedy, ...(details.length === 0 ? {} : { details }) } } };
}

/** Whatever else is thrown is a bug of ours; whoever asked is told so, in the words of the catalogue. */
export function asBug(error: unknown): FcgiPmError {
  const why = error instanceof Error ? error.message : String(error);
  return new FcgiPmError("FCGI_PM_BUG", `Cannot answer: ${why}`, { cause: error });
}
