/** The environment that a worker gets: clean, and the same whoever started the manager. */
import { readFileSync } from "node:fs";
import type { App } from "../config/app.ts";
import { parseEnvFile } from "../config/envfile.ts";
import { FcgiPmError } from "../errors.ts";
import type { Identity } from "../os/identity.ts";

export type Environment = Readonly<Record<string, string>>;

const fallbackPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What all workers of an app have in common. Later sources outrank earlier ones: pass-env, env-file, env. */
export function appEnvironment(app: App, identity: Identity, own: NodeJS.ProcessEnv): Environment {
  const env: Record<string, string> = {
    PATH: own["PATH"] ?? fallbackPath,
    HOME: identity.home,
    USER: identity.name,
    ...pick(["LANG", "TZ", ...app.passEnv], own),
  };
  for (const file of app.envFile) Object.assign(env, Object.fromEntries(readEnvFile(app.name, file)));
  Object.assign(env, app.env);
  if (app.allowedClients.length > 0 && app.listen.kind === "tcp") {
    env["FCGI_WEB_SERVER_ADDRS"] = app.allowedClients.join(",");
  }
  // A Node program's listen() sets the queue's depth anew; fcgi-pm's own library keeps it by this.
  if (app.listen.kind !== "none") env["FCGI_PM_LISTEN_QUEUE_DEPTH"] = String(app.listenQueueDepth);
  return env;
}

/** What one worker has besides. */
export function workerEnvironment(common: Environment, app: string, worker: number, generation: number): Environment {
  return {
    ...common,
    FCGI_PM_APP: app,
    FCGI_PM_WORKER: String(worker),
    FCGI_PM_GENERATION: String(generation),
  };
}

function pick(names: readonly string[], own: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = own[name];
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function readEnvFile(app: string, file: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    throw new FcgiPmError("FCGI_PM_CONFIG_UNREADABLE", `Cannot read the env-file "${file}" of ${app}: ${why}`);
  }
  const { env, problems } = parseEnvFile(text);
  if (problems.length === 0) return env;
  const lines = problems.map(({ line, message }) => `${file}:${line}: ${message}`);
  throw new FcgiPmError("FCGI_PM_CONFIG_WRONG", lines.join("\n"));
}
