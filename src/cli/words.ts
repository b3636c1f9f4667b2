/** What people type for numbers and signals, as the protocol has it. Throws FCGI_PM_USAGE_WRONG. */
import { constants } from "node:os";
import type { ScaleRequest } from "../control/protocol.ts";
import { FcgiPmError } from "../errors.ts";

/** The value of an option that counts something, from 1 on. */
export function parseCount(option: string, text: string | undefined, least = 1): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= least) return count;
  throw wrong(`${option} takes a whole number from ${least} on, got "${text}"`, `${option} ${least + 1}`);
}

/** `8` is how many, `+2` and `-2` are how many more or less. */
export function parseScale(app: string, text: string): ScaleRequest {
  const [, sign = "", digits = ""] = /^([+-]?)(\d{1,6})$/.exec(text) ?? [];
  if (digits === "") throw wrong(`Cannot scale ${app} to "${text}": that is no number`, `fcgi-pm scale ${app} +2`);
  const count = Number(digits);
  if (sign !== "") return { by: sign === "-" ? -count : count };
  if (count > 0) return { processes: count };
  throw wrong(`Cannot scale ${app} to 0: one worker is the least`, `fcgi-pm stop ${app}`);
}

/** `TERM`, `SIGTERM`, `term` to `TERM`. */
export function parseSignal(text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, "");
  if (Object.hasOwn(constants.signals, `SIG${name}`)) return name;
  const known = Object.keys(constants.signals).map((signal) => signal.slice("SIG".length));
  throw wrong(`There is no signal "${text}"`, `one of ${known.toSorted().join(" ")}`);
}

function wrong(message: string, remedy: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_USAGE_WRONG", message, { remedy });
}
