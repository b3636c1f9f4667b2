/** Which findings about a live app prove a line of a log: the trouble that it tells of is there now. */
import type { Finding } from "./finding.ts";
import type { MeaningCode } from "./log-meanings.ts";

/** Whatever keeps the web server from a connection. */
const away = /^place\.(?:no-|hidden-|removed|not-a-socket|stale|taken-over|path-too-long)|^socket\./;
const jam = /^live\.(?:queue|keep-alive|all-busy|workers-stopped|stopped)|^place\.queue/;
const dying = /^live\.(?:crash-loop|non-blocking|workers-die|workers-flap|degraded)/;

const proofs: Partial<Record<MeaningCode, readonly RegExp[]>> = {
  "log.no-socket": [away],
  "log.permission-denied": [/^place\.(?:unreachable|not-a-socket)/],
  "log.connection-refused": [away, /^place\.(?:held|address)/],
  "log.queue-full": [jam, dying],
  "log.dropped": [jam, dying],
  "log.connect-timeout": [jam, away, dying],
  "log.answer-timeout": [jam, dying, /^answer\./],
  "log.workers-at-limit": [jam],
  "log.recovered": [away, jam, dying, /^place\.unreachable/],
  "log.no-live-upstream": [away, jam, dying, /^place\.unreachable/, /^answer\./],
};

/** Of an answer all that is wrong with answers counts, and workers that die. */
const usual: readonly RegExp[] = [dying, away, /^answer\./, /^program\.speaks-http/];

/** That nobody listens is a note where an app is meant to be started, and is the proof of a line all the same. */
const absences: ReadonlySet<string> = new Set(["place.no-socket", "place.no-listener"]);

/** A risk is a proof as well, where it is just what the line says. */
export function proofsOf(code: MeaningCode, findings: readonly Finding[]): Finding[] {
  const patterns = proofs[code] ?? usual;
  const fitting = findings
    .filter(({ level, code: its }) => level !== "note" || absences.has(its))
    .filter(({ code: its }) => patterns.some((pattern) => pattern.test(its)));
  const broken = fitting.filter(({ level }) => level === "broken");
  return broken.length > 0 ? broken : fitting;
}
