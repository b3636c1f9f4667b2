/** A client of a manager's control socket, for the commands of the CLI. Each request has a connection of its own. */
import type { IncomingMessage } from "node:http";
import { FcgiPmError } from "../errors.ts";
import type { Status } from "../observe/status.ts";
import type { EventLine, LogLine } from "../observe/story.ts";
import { exchange, lost, readJson, silent, strange } from "./exchange.ts";
import type { AnswerOf, BodyOf, DroppedLine, EnvAnswer, LogsQuery, Verb } from "./protocol.ts";

export { outcomesIn } from "./exchange.ts";

export interface ControlClient {
  readonly path: string;
  /** Absent: of all apps. External ones are asked whether they can be reached only if `reach` says so. */
  status(app?: string, look?: { readonly reach?: boolean }): Promise<Status>;
  /** Of this worker, or of the first that is ready. */
  env(app: string, worker?: number): Promise<EnvAnswer>;
  /** Resolves when it is done, however long that takes. An app is named for the verbs that have one in their path. */
  command<V extends Verb>(verb: V, body: BodyOf<V>, ...app: AppOf<V>): Promise<AnswerOf<V>>;
  /** The last lines; with `follow` those that come, until the signal is given or the manager ends. */
  logs(query: LogsQuery & { readonly follow?: boolean }, signal?: AbortSignal): AsyncIterable<LogLine | DroppedLine>;
  events(signal?: AbortSignal): AsyncIterable<EventLine | DroppedLine>;
}

type AppOf<V extends Verb> = V extends `${string}/:app/${string}` ? [app: string] : [];

/** How long a manager may take over a question. It answers from what it has. */
const usualTimeoutMs = 5000;

/**
 * The manager at this path. Nothing is asked before one of its functions is called; they throw FcgiPmErrors: those that
 * the manager answers, and FCGI_PM_MANAGER_… and FCGI_PM_CONTROL_… where it cannot be reached.
 */
export function connectControl(path: string, { timeoutMs = usualTimeoutMs } = {}): ControlClient {
  return {
    path,
    status: async (app, { reach = false } = {}) => {
      const target = app === undefined ? "/v1/status" : appPath(app, "");
      return (await ask(path, target + parametersOf({ reach: reach ? undefined : 0 }), timeoutMs)) as Status;
    },
    env: async (app, worker) =>
      (await ask(path, appPath(app, "/env") + parametersOf({ worker }), timeoutMs)) as EnvAnswer,
    command: async <V extends Verb>(verb: V, body: BodyOf<V>, ...[app]: AppOf<V>) => {
      const target = app === undefined ? verb : verb.replace("/v1/apps/:app", appPath(app, ""));
      return checked(await exchange({ socketPath: path, method: "POST", target, body }), path) as Promise<AnswerOf<V>>;
    },
    logs: ({ follow, ...query }, signal) =>
      linesOf(path, `/v1/logs${parametersOf({ ...query, follow: follow === true ? 1 : undefined })}`, signal),
    events: (signal) => linesOf(path, "/v1/events", signal),
  };
}

async function ask(socketPath: string, target: string, timeoutMs: number): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await checked(await exchange({ socketPath, method: "GET", target, signal }), socketPath);
  } catch (error) {
    throw signal.aborted ? silent(socketPath, `${timeoutMs} ms have passed`) : error;
  }
}

/** Every answer bears the version of its shape. */
async function checked(incoming: IncomingMessage, socketPath: string): Promise<unknown> {
  const answer = await readJson(incoming, socketPath);
  if ((Object(answer) as { version?: unknown }).version !== 1) throw strange(socketPath);
  return answer;
}

/** What cannot stand in a path as it is, is no app's name. */
function appPath(app: string, rest: string): string {
  if (/^\w[\w.-]*$/.test(app)) return `/v1/apps/${app}${rest}`;
  throw new FcgiPmError("FCGI_PM_APP_UNKNOWN", `There is no app "${app}"`);
}

function parametersOf(given: Readonly<Record<string, string | number | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? "" : `?${parameters}`;
}

/** Ends when the manager ends it, or when the signal is given. */
async function* linesOf<L extends object>(
  socketPath: string,
  target: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<L, void, void> {
  try {
    const incoming = await exchange({ socketPath, method: "GET", target, signal });
    let rest = "";
    for await (const chunk of incoming.setEncoding("utf8")) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) yield parse(line, socketPath);
    }
  } catch (error) {
    if (signal?.aborted === true) return;
    throw error instanceof FcgiPmError ? error : lost(socketPath, error);
  }
}

function parse<L extends object>(line: string, socketPath: string): L {
  try {
    return JSON.parse(line);
  } catch {
    throw strange(socketPath);
  }
}
