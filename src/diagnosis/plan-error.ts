/** What keeps an app from being started at all, as a finding. */
import type { Finding } from "./finding.ts";

export interface PlanError {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

const codes: Readonly<Record<string, string>> = {
  FCGI_PM_PROGRAM_MISSING: "program.missing",
  FCGI_PM_PROGRAM_NOT_EXECUTABLE: "program.not-executable",
  FCGI_PM_INTERPRETER_MISSING: "interpreter.missing",
  FCGI_PM_RUNNER_UNREADABLE: "program.runner-unreadable",
  FCGI_PM_CWD_WRONG: "program.cwd-wrong",
  FCGI_PM_USER_UNKNOWN: "program.user-unknown",
};

/** One error code stands for several of them. */
const wrongs: readonly (readonly [RegExp, string])[] = [
  [/byte order mark/, "program.byte-order-mark"],
  [/without a #! line/, "program.no-first-line"],
  [/CR LF/, "program.crlf"],
  [/it is empty/, "program.is-empty"],
  [/it is a directory|no regular file/, "program.no-file"],
];

/** What of the path to it is closed to the user. */
interface Closed {
  readonly path: string;
  readonly rights: string;
  readonly remedy: string;
}

export function judgePlanError(
  { code, message, remedy }: PlanError,
  closed: Closed | undefined,
  more: readonly string[],
): Finding {
  if (code === "FCGI_PM_USER_FORBIDDEN") return notForUs(message);
  const wrong = wrongs.find(([pattern]) => pattern.test(message))?.[1];
  const own = code
    .replace(/^FCGI_PM_/, "")
    .toLowerCase()
    .replaceAll("_", "-");
  return {
    code: codes[code] ?? wrong ?? (code.startsWith("FCGI_PM_CONFIG") ? `config.${own}` : `program.${own}`),
    level: "broken",
    what: message,
    seen: [
      "found by looking, before anything was started",
      ...(closed === undefined ? [] : [`${closed.path} is closed to that user: ${closed.rights}`]),
    ],
    remedy: [...more, ...(closed === undefined ? [] : [closed.remedy]), remedy],
  };
}

/** It is nothing against the app: its manager may be root. */
function notForUs(message: string): Finding {
  return {
    code: "program.user-forbidden",
    level: "note",
    what: `The program is not tried: ${message.charAt(0).toLowerCase()}${message.slice(1)}`,
    seen: ["root alone can try it as the user that it runs as"],
    remedy: ["run the doctor as root: sudo -E keeps this shell's variables"],
  };
}
