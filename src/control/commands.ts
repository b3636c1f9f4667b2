/** Which operation a path stands for. A path without one does not compile. */
import type { Status } from "../observe/status.ts";
import { refuseNoName } from "./asked.ts";
import {
  type AnswerOf,
  type BodyOf,
  type EnvAnswer,
  type LogsQuery,
  type Operations,
  type ParametersOf,
  type Query,
  usualLines,
  type Verb,
} from "./protocol.ts";

type Commands = {
  readonly [V in Verb]: (operations: Operations, body: BodyOf<V>, app: string) => AnswerOf<V> | Promise<AnswerOf<V>>;
};

export const commands: Commands = {
  "/v1/stop": (operations, body) => operations.stopManager(body),
  "/v1/restart": (operations) => operations.restart(undefined),
  "/v1/reload": (operations, body) => operations.reload(undefined, body),
  "/v1/reopen-logs": (operations) => operations.reopenLogs(),
  "/v1/apps/:app/stop": (operations, body, app) => operations.stop(app, body),
  "/v1/apps/:app/restart": (operations, _body, app) => operations.restart(app),
  "/v1/apps/:app/reload": (operations, body, app) => operations.reload(app, body),
  "/v1/apps/:app/scale": (operations, body, app) => operations.scale(app, body),
  "/v1/apps/:app/signal": (operations, body, app) => operations.signal(app, body),
};

/** Lines to be sent one by one: those that are there, and those that come. */
export interface Lines {
  readonly past: readonly object[];
  /** Absent: nothing comes after them. Calls back until the function it gives is called. */
  readonly follow?: (onLine: (line: object) => void) => () => void;
}

type Questions = {
  readonly [Q in Query]: (
    operations: Operations,
    parameters: ParametersOf<Q>,
    app: string,
  ) => Promise<Status> | Status | EnvAnswer | Lines;
};

export const questions: Questions = {
  "/v1/status": (operations, { reach = true }) => operations.status(undefined, { reach }),
  "/v1/apps/:app": (operations, { reach = true }, app) => operations.status(app, { reach }),
  "/v1/apps/:app/env": (operations, { worker }, app) => operations.env(app, worker),
  "/v1/logs": (operations, { follow, ...parameters }) => linesOfLogs(operations, toLogsQuery(parameters), follow),
  "/v1/events": (operations) => ({ past: [], follow: (onLine) => operations.followEvents(onLine) }),
};

function toLogsQuery({ app, worker, lines = usualLines }: ParametersOf<"/v1/logs">): LogsQuery {
  if (app !== undefined) refuseNoName(app);
  return { lines, ...(app === undefined ? {} : { app }), ...(worker === undefined ? {} : { worker }) };
}

function linesOfLogs(operations: Operations, query: LogsQuery, follow = false): Lines {
  const past = operations.logs(query);
  return follow ? { past, follow: (onLine) => operations.followLogs(query, onLine) } : { past };
}
