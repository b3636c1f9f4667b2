/** `fcgi-pm logs`: what workers wrote last, and what they write. */
import type { ControlClient } from "../control/client.ts";
import type { DroppedLine, LogsQuery } from "../control/protocol.ts";
import { FcgiPmError } from "../errors.ts";
import { formatLogLine, labelOf } from "../observe/log-text.ts";
import { mergeByTime } from "../observe/ring.ts";
import type { LogLine } from "../observe/story.ts";
import { displayWidth } from "../observe/width.ts";
import { complain } from "./complain.ts";
import { managersFor, type Reached } from "./managers.ts";
import { print, printJson, screenOf } from "./terminal.ts";
import { parseCount } from "./words.ts";

export interface LogsOptions {
  readonly follow?: true;
  readonly lines?: string;
  readonly worker?: string;
  readonly json?: true;
  readonly control?: string;
}

const usualLines = 100;

type Line = LogLine | DroppedLine;
type Write = (line: Line) => Promise<void>;

/** Prints the last lines, and following all that come until every manager has ended. Gives the exit status. */
export async function logs(app: string | undefined, options: LogsOptions): Promise<number> {
  const worker = parseCount("--worker", options.worker);
  const lines = parseCount("--lines", options.lines, 0) ?? usualLines;
  const query = { lines, ...(app === undefined ? {} : { app }), ...(worker === undefined ? {} : { worker }) };
  const { managers, failed } = await managersFor(app, options.control);
  const write = options.json === true ? printJson : writerForPeople();
  if (options.follow === true) await Promise.all(managers.map((manager) => follow(manager, query, write)));
  else for (const line of await collect(managers, query)) await write(line);
  return Math.max(0, ...failed.map((error) => complain(error, options.json === true ? "json" : "words")));
}

async function collect(managers: readonly Reached[], query: LogsQuery): Promise<readonly LogLine[]> {
  return mergeByTime(await Promise.all(managers.map(({ client }) => readAll(client, query))));
}

/** What is there already never comes too fast. */
async function readAll(client: ControlClient, query: LogsQuery): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for await (const line of client.logs(query)) if (!("dropped" in line)) lines.push(line);
  return lines;
}

/** Until the manager ends, however it does: that is no failure of ours, but it is said. */
async function follow({ client, status }: Reached, query: LogsQuery, write: Write): Promise<void> {
  try {
    for await (const line of client.logs({ ...query, follow: true })) await write(line);
  } catch (error) {
    if (!(error instanceof FcgiPmError) || error.code !== "FCGI_PM_MANAGER_LOST") throw error;
  }
  process.stderr.write(`the manager (process ${status.manager.pid}) has ended\n`);
}

/** The texts of all workers stand below each other, as far as labels are known. */
function writerForPeople(): Write {
  const { colour } = screenOf(process.stdout);
  let labelWidth = 0;
  return (line) => {
    if ("dropped" in line) return print(`… ${line.dropped} lines are missing: they came faster than they were read\n`);
    labelWidth = Math.max(labelWidth, displayWidth(labelOf(line)));
    return print(`${formatLogLine(line, { colour, labelWidth })}\n`);
  };
}
