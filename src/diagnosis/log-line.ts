/** A line of a log as plain text: without colours, unwrapped where it is JSON, joined where a message has several lines. */

/** Where the web server looked for the app. */
export type Where =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface LogEntry {
  readonly text: string;
  /** Absent where the line does not say, or was cut off in the middle of it. */
  readonly where: Where | undefined;
  /** What was asked of it, where the line says so: `GET /news?page=2`. */
  readonly request: string | undefined;
  /** The program that the web server itself starts, by its path. */
  readonly program: string | undefined;
}

/** One for each message, in their order; empty lines are left out. */
export function entriesOf(lines: readonly string[]): LogEntry[] {
  return joined(lines.map(plainText).filter((text) => text !== "")).map((text) => ({
    text,
    where: whereIn(text),
    request: /request: "([A-Z]+ \/[^\s"]*)/.exec(text)?.[1],
    program: /FastCGI: .*?server "([^"]+)"/.exec(text)?.[1],
  }));
}

/** No message needs more; what a log may hold besides is not searched. */
const longestLine = 16_384;

/** Without what colours it, and what it was wrapped in by a collector of logs. */
export function plainText(line: string): string {
  const text = line
    .slice(0, longestLine)
    .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "")
    .trim();
  return /^\{.*"/.test(text) ? unwrapped(text) : text;
}

/** The fields in which log collectors, journald, containers and Caddy put a message. */
const messageFields = ["logger", "msg", "message", "MESSAGE", "log", "error"];

function unwrapped(text: string): string {
  try {
    const record = JSON.parse(text) as Record<string, unknown>;
    const parts = messageFields.map((field) => record[field]).filter((part) => typeof part === "string");
    return parts.length === 0 ? text : plainText(parts.join(": ").trim());
  } catch {
    return text.replaceAll('\\"', '"').replaceAll("\\/", "/"); // cut off: what is left of it
  }
}

/** So many lines of one message are taken together. */
const mostJoined = 100;

/** nginx writes what an app sent to its error stream as it is, over several lines up to the closing quote. */
function joined(texts: readonly string[]): string[] {
  const entries: string[] = [];
  let open = 0;
  for (const text of texts) {
    const last = entries.length - 1;
    open = open > 0 && !beginsEntry(text) ? open - 1 : 0;
    if (open > 0) entries[last] = `${entries[last]}\n${text}`;
    else entries.push(text);
    if (isOpen(entries.at(-1) ?? "")) open = open === 0 ? mostJoined : open;
    else open = 0;
  }
  return entries;
}

function isOpen(text: string): boolean {
  return /FastCGI sent in stderr: "/.test(text) && !/" while (?:reading|sending|connecting)/.test(text);
}

/** With a date, as nginx, Apache, lighttpd and syslog write it. */
function beginsEntry(text: string): boolean {
  return /^(?:\[?\d{4}[-/]\d\d|\[?\d\d-\w{3}-\d{4}|\[?\w{3} +(?:\w{3} +)?\d+ \d\d:)/.test(text);
}

const host = String.raw`(\[[0-9a-fA-F:.]+\]|[0-9.]+|[\w.-]+)`;
const unixPatterns = [
  /unix:(\/[^\s":|]+)(?=[:"\s|,])/,
  /socket: unix:(\/[^\s":|]+)$/,
  /Unix domain socket (\/\S+) \(/,
  /\bunix (?:@->)?(\/[^\s:"]+):/,
  /for address '(\/[^']+)'/,
];
const tcpPatterns = [
  new RegExp(String.raw`fastcgi://${host}:(\d+)[/"]`),
  new RegExp(String.raw`attempt to connect to ${host}:(\d+) `),
  new RegExp(String.raw`\btcp:${host}:(\d+)(?=[:\s]|$)`),
  new RegExp(String.raw`\bdial tcp ${host}:(\d+):`),
  new RegExp(String.raw`for address '${host}:(\d+)'`),
];

function whereIn(text: string): Where | undefined {
  const path = firstMatch(unixPatterns, text)?.[1];
  if (path !== undefined) return { kind: "unix", path };
  const [, name, port] = firstMatch(tcpPatterns, text) ?? [];
  if (name === undefined || Number(port) > 65_535) return undefined;
  return { kind: "tcp", host: name.replace(/^\[|\]$/g, ""), port: Number(port) };
}

function firstMatch(patterns: readonly RegExp[], text: string): RegExpExecArray | undefined {
  for (const pattern of patterns) {
    const match = pattern.exec(text);
    if (match !== null) return match;
  }
  return undefined;
}
