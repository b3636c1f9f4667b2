/** A record of the log as journald takes it: fields with names that `journalctl` can search. */
import { visible } from "./visible.ts";

export type JournalEntry = readonly (readonly [name: string, value: string])[];

type Fields = Readonly<{ [name: string]: unknown }>;

/** syslog's priorities by the names that programs give them, and by the numbers of bunyan and pino. */
const priorities = new Map<unknown, number>([
  ...each(0, "emerg", "emergency", "panic"),
  ...each(1, "alert"),
  ...each(2, "crit", "critical", "fatal", 60),
  ...each(3, "err", "error", "severe", 50),
  ...each(4, "warn", "warning", 40),
  ...each(5, "notice"),
  ...each(6, "info", "informational", "information", 30),
  ...each(7, "debug", "trace", "verbose", 20, 10),
]);

const usual = 6;

/** Where programs say how grave a line is: most loggers, Google's format, Python's json-logger. */
const levelNames = ["level", "severity", "levelname"] as const;

/** Fields that have a name of their own in the journal, or that journald knows by itself. */
const placed = new Set(["app", "worker", "stream", "notice", "time", "lastLines"]);

/**
 * What is not placed stands in DETAILS, as one JSON object: a name that a worker chose never becomes a name of the
 * journal, where it could pass for another program's.
 */
export function journalEntry(fields: Fields, message: string): JournalEntry {
  const { text, priority } = graded(fields, message);
  const isOfWorker = fields["worker"] !== undefined;
  const named: [string, unknown][] = [
    ["MESSAGE", readable([text, ...lastLines(fields)].join("\n    | "))],
    ["PRIORITY", priority],
    ["SYSLOG_IDENTIFIER", "fcgi-pm"],
    ["APP", fields["app"]],
    ["WORKER", fields["worker"]],
    ["WORKER_PID", isOfWorker && fields["pid"] !== 0 ? fields["pid"] : undefined],
    ["STREAM", fields["stream"]],
    ["NOTICE", fields["notice"]],
    ["DETAILS", details(fields)],
  ];
  return named.flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const]));
}

/** A plain line may begin with `<3>`, as sd-daemon(3) has it: systemd would have understood it, too. */
function graded(fields: Fields, message: string): { text: string; priority: number } {
  const own = levelNames.map((name) => priorityOf(fields[name])).find((found) => found !== undefined);
  if (own !== undefined) return { text: message, priority: own };
  const prefix = fields["stream"] === undefined ? null : /^<([0-7])>/.exec(message);
  return prefix === null
    ? { text: message, priority: usual }
    : { text: message.slice(prefix[0].length), priority: Number(prefix[1]) };
}

function priorityOf(level: unknown): number | undefined {
  return priorities.get(typeof level === "string" ? level.toLowerCase() : level);
}

function lastLines(fields: Fields): readonly string[] {
  const lines: unknown = fields["lastLines"];
  return Array.isArray(lines) ? lines.map(String) : [];
}

/** `journalctl` shows "blob data" for a text with control characters, and leaves colours out. */
function readable(text: string): string {
  return visible(text.replace(/\u001b\[[0-9;:]*m/g, ""));
}

function details(fields: Fields): string | undefined {
  const rest = Object.entries(fields).filter(([name]) => !isPlaced(name, fields));
  if (rest.length === 0) return undefined;
  // The time of a worker's own differs from the journal's, which is when the record came there.
  const time = fields["stream"] === undefined ? {} : { time: fields["time"] };
  return JSON.stringify({ ...time, ...Object.fromEntries(rest) });
}

/** A pid without a worker is somebody else's; a level that nobody knows is nowhere else. */
function isPlaced(name: string, fields: Fields): boolean {
  if (name === "pid") return fields["worker"] !== undefined;
  if (name === "level") return priorityOf(fields["level"]) !== undefined;
  return placed.has(name);
}

function each(priority: number, ...levels: readonly (string | number)[]): (readonly [unknown, number])[] {
  return levels.map((level) => [level, priority] as const);
}
