/** A command that did not do what it was to do for an app: as an error, the same for whoever asked. */
import { FcgiPmError } from "../errors.ts";
import type { AppOutcome } from "./protocol.ts";

const failures = {
  "taken-back": { code: "FCGI_PM_ROLL_TAKEN_BACK", words: "the new workers failed, everything stays as it was" },
  failed: { code: "FCGI_PM_COMMAND_FAILED", words: "its workers do not start, and the manager goes on trying" },
  "given-up": { code: "FCGI_PM_COMMAND_GIVEN_UP", words: "another command came between" },
} as const;

export type FailedOutcome = AppOutcome & { readonly result: keyof typeof failures };

export function hasFailed(outcome: AppOutcome): outcome is FailedOutcome {
  return Object.hasOwn(failures, outcome.result);
}

/** `verb`: reload, scale, … `details`: what came of the command for every app. */
export function errorOf(verb: string, outcome: FailedOutcome, details: readonly AppOutcome[] = [outcome]): FcgiPmError {
  const { app, result, reason } = outcome;
  const { code, words } = failures[result];
  const remedy = result === "failed" ? { remedy: `fcgi-pm logs ${app} shows what the workers wrote` } : {};
  const why = reason === undefined ? words : `${words}: ${reason}`;
  return new FcgiPmError(code, `Cannot ${verb} ${app}: ${why}`, { details, ...remedy });
}
