/** Everything that a line of a web server's log can mean: docs/troubleshooting.md has it in this order. */
import { answering } from "./log-answering.ts";
import { around } from "./log-around.ts";
import { connecting } from "./log-connecting.ts";
import type { Meaning } from "./log-meaning.ts";
import { waiting } from "./log-waiting.ts";

export const meanings = { ...connecting, ...answering, ...waiting, ...around } as const satisfies Record<
  string,
  Meaning
>;

export type MeaningCode = keyof typeof meanings;

export function meaningOf(code: MeaningCode): Meaning {
  return meanings[code];
}
