/** Explains a web server's log: which messages it has, what each means, and where the server looked for the app. */
import { shellWord } from "../shell-word.ts";
import type { Finding } from "./finding.ts";
import { entriesOf, type LogEntry, type Where } from "./log-line.ts";
import type { Meaning } from "./log-meaning.ts";
import { type MeaningCode, meaningOf } from "./log-meanings.ts";
import type { LogMessage } from "./log-message.ts";
import { messageIn } from "./log-messages.ts";

/** One kind of trouble at one address, however often it stands in the log. */
export interface Trouble {
  readonly code: MeaningCode;
  readonly meaning: Meaning;
  readonly server: LogMessage["server"];
  readonly where: Where | undefined;
  readonly program: string | undefined;
  /** Of the last line. */
  readonly request: string | undefined;
  readonly times: number;
  /** The last line, which is the nearest to now. */
  readonly lastText: string;
}

export interface ExplainedLog {
  /** In the order in which they came up first. */
  readonly troubles: readonly Trouble[];
  /** Lines that no message of the table fits. */
  readonly unknown: readonly string[];
}

/** What nginx and Apache write about themselves is neither known nor unknown: it is no trouble. */
const uneventful =
  /\[(?:\w+:)?(?:notice|info|debug|trace\d)\]|^\[[^\]]*\] NOTICE: |\(server\.c\.\d+\) server (?:started|stopped)/;

export function explainLog(lines: readonly string[]): ExplainedLog {
  const troubles = new Map<string, Trouble>();
  const unknown: string[] = [];
  for (const entry of entriesOf(lines)) {
    const message = messageIn(entry.text);
    if (message === undefined) {
      if (!uneventful.test(entry.text)) unknown.push(entry.text);
      continue;
    }
    const key = JSON.stringify([message.means, entry.where, entry.program]);
    troubles.set(key, toTrouble(message, entry, troubles.get(key)));
  }
  return { troubles: [...troubles.values()], unknown };
}

function toTrouble(
  message: LogMessage,
  { text, where, program, request }: LogEntry,
  before: Trouble | undefined,
): Trouble {
  return {
    code: message.means,
    meaning: meaningOf(message.means),
    server: message.server,
    where,
    program,
    request,
    times: (before?.times ?? 0) + 1,
    lastText: text,
  };
}

/** What stands for `{app}`, `{path}` and `{where}` of the table. */
export interface Names {
  readonly app: string | undefined;
  readonly where: Where | undefined;
  /** By its path; absent where the web server does not start it. */
  readonly program?: string | undefined;
}

/** The table's text for this app and this address; general words where one of them is not known. */
export function filledIn(text: string, { app, where, program }: Names): string {
  return text
    .replaceAll("{where}", where === undefined ? `--app ${app ?? "APP"}` : flagOf(where))
    .replaceAll("{path}", where?.kind === "unix" ? where.path : "PATH")
    .replaceAll("/path/to/program", program ?? "/path/to/program")
    .replaceAll("{app}", app ?? "APP");
}

function flagOf(where: Where): string {
  if (where.kind === "unix") return `--socket ${where.path}`;
  return `--port ${where.host.includes(":") ? `[${where.host}]` : where.host}:${where.port}`;
}

/** So much of a line is shown: what comes after it is the same in all. */
const longestQuote = 600;

/** What a look at the app showed, after the line was read. */
export interface Verdict {
  /** What was tried, and what came of it. */
  readonly tried: readonly string[];
  /** The request that was tried: `GET /`. */
  readonly request: string;
  /** What is wrong there now, and fits the line. */
  readonly proofs: readonly Finding[];
}

/** What the line says; with a verdict, whether it still holds. Usual causes are told where none is proved. */
export function findingOf(trouble: Trouble, app: string | undefined, verdict?: Verdict): Finding {
  const { code, meaning } = trouble;
  const fill = (line: string): string => filledIn(line, { app, where: trouble.where, program: trouble.program });
  const remedy = meaning.remedy.map(fill);
  const own = { code, level: meaning.level, what: meaning.what };
  const quote = quoteOf(trouble);
  if (verdict === undefined) return { ...own, seen: [quote, ...guesses(trouble, fill)], remedy };
  const now = verdict.tried.map((line) => `now: ${line}`);
  if (verdict.proofs.length > 0) {
    const why = verdict.proofs.flatMap(({ what, seen }) => [`now: ${what}`, ...seen]);
    return { ...own, seen: [quote, ...now, ...why], remedy: remediesOf(verdict.proofs) };
  }
  const open = isAboutAnother(trouble, verdict) ? openQuestion(trouble, app ?? fill("{where}")) : undefined;
  const seen = [quote, ...now, ...(open?.seen ?? []), ...guesses(trouble, fill)];
  if (open !== undefined) return { ...own, seen, remedy: [...open.remedy, ...remedy] };
  const what = meaning.level === "broken" ? `${meaning.what}; it is not so now` : meaning.what;
  return { code, level: "note", what, seen, remedy };
}

/** Several may be mended by the same. */
function remediesOf(proofs: readonly Finding[]): string[] {
  return [...new Set(proofs.flatMap(({ remedy }) => remedy))];
}

/** That another page is answered says nothing of this one. */
function isAboutAnother({ meaning, request }: Trouble, verdict: Verdict): boolean {
  return meaning.look === "answer" && request !== undefined && request !== verdict.request;
}

/** It is not tried unasked: anybody can have anything written into a log. `whom`: as the doctor is told it. */
function openQuestion({ request = "" }: Trouble, whom: string): Pick<Finding, "seen" | "remedy"> {
  const [, uri = "/"] = request.split(" ");
  return {
    seen: [`the line is about ${request}, and that was not tried`],
    remedy: [`fcgi-pm doctor ${whom} --uri ${shellWord(uri)}   # tries what the line is about`],
  };
}

function quoteOf({ times, lastText, server }: Trouble): string {
  const by = server === "any" ? "the log" : server;
  return `${by} says${times === 1 ? "" : `, the last of ${times} times`}: ${shortened(lastText)}`;
}

function guesses({ meaning }: Trouble, fill: (line: string) => string): string[] {
  return [
    ...meaning.causes.map((cause) => `usual cause: ${fill(cause)}`),
    ...meaning.proof.map((command) => `to see it: ${fill(command)}`),
  ];
}

function shortened(text: string): string {
  return text.length <= longestQuote ? text : `${text.slice(0, longestQuote)}…`;
}

/** So many unknown lines are named; of more only the number is told. */
const mostNamed = 3;

/** Unknown lines are said to be unknown. */
export function unknownFindings(unknown: readonly string[]): Finding[] {
  if (unknown.length === 0) return [];
  const one = unknown.length === 1;
  return [
    {
      code: "log.unknown",
      level: "note",
      what: one
        ? "a line of the log is not known to the doctor"
        : `${unknown.length} lines of the log are not known to the doctor`,
      seen: unknown.slice(-mostNamed).map(shortened),
      remedy: ["docs/troubleshooting.md has every message that is known"],
    },
  ];
}
