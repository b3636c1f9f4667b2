/** A line of a worker as a record of the log. */

export interface Source {
  readonly app: string;
  readonly worker: number;
  readonly pid: number;
  readonly stream: "stdout" | "stderr";
}

/** What a log takes. */
export interface Record {
  readonly fields: Readonly<{ [name: string]: unknown }>;
  readonly message: string;
  /** As it was written; a notice's sentence. */
  readonly text: string;
}

export interface LineRecord extends Record {
  /** When it came, in ISO 8601. The line may have a time of its own, which is the one among its fields then. */
  readonly time: string;
  readonly source: Source;
}

/** Longer lines are not looked into for JSON. */
const longestJson = 64 * 1024;

/**
 * A line that is a JSON object keeps its fields, its own level and time among them. Ours say where it came from; where
 * the line uses such a name for itself, its value is kept under `line`.
 */
export function recordOf(text: string, source: Source, time: string): LineRecord {
  const parsed = text.startsWith("{") && text.length <= longestJson ? parseObject(text) : undefined;
  if (parsed === undefined) return { time, source, text, fields: { time, ...source }, message: text };
  const { msg, message, ...rest } = parsed;
  const clashing = Object.entries(rest).filter(
    ([name, value]) => name in source && value !== source[name as keyof Source],
  );
  const line = clashing.length === 0 ? {} : { line: Object.fromEntries(clashing) };
  const unsaid = msg !== undefined && message !== undefined ? { message } : {};
  const fields = { time, ...rest, ...unsaid, ...source, ...line };
  return { time, source, text, fields, message: wordsOf(msg ?? message) };
}

function wordsOf(said: unknown): string {
  if (typeof said === "string") return said;
  return said === undefined ? "" : JSON.stringify(said);
}

function parseObject(text: string): { [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as { [name: string]: unknown })
      : undefined;
  } catch {
    return undefined;
  }
}
