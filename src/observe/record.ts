/** A line of a worker as a record of the log. */

export interface Source {
  readonly app: string;
  readonly worker: number;
  readonly pid: number;
  readonly stream: "stdout" | "stderr";
}

export interface Record {
  readonly fields: Readonly<{ [name: string]: unknown }>;
  readonly message: string;
}

/** Longer lines are not looked into for JSON. */
const longestJson = 64 * 1024;

/**
 * A line that is a JSON object keeps its fields, its own level and time among them. Ours say where it came from; where
 * the line uses such a name for itself, its value is kept under `line`.
 */
export function recordOf(text: string, source: Source): Record {
  const parsed = text.startsWith("{") && text.length <= longestJson ? parseObject(text) : undefined;
  if (parsed === undefined) return { fields: { ...source }, message: text };
  const { msg, message, ...rest } = parsed;
  const clashing = Object.entries(rest).filter(
    ([name, value]) => name in source && value !== source[name as keyof Source],
  );
  const line = clashing.length === 0 ? {} : { line: Object.fromEntries(clashing) };
  const said = msg ?? message;
  const unsaid = msg !== undefined && message !== undefined ? { message } : {};
  const text2 = typeof said === "string" ? said : said === undefined ? "" : JSON.stringify(said);
  return { fields: { ...rest, ...unsaid, ...source, ...line }, message: text2 };
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
