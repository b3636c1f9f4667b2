/** What can be said of the place of an app from its config, beside a manager at work: for `check`. */
import type { Finding } from "../diagnosis/finding.ts";
import type { Plan } from "../manager/plan.ts";
import type { Patient } from "./patient.ts";
import { placeFindings, worstFirst } from "./place.ts";
import { configNaming, runningWebServers, type WebServer } from "./web-servers.ts";

/** Who listens now is not asked. Of these the last two need to know which web server is meant. */
const spoken: ReadonlySet<string> = new Set([
  "place.queue-capped",
  "place.open-to-the-network",
  "place.private-tmp-prone",
  "place.swept-at-boot",
  "place.unreachable",
  "place.hidden-from-web-server",
]);
const aboutServers: ReadonlySet<string> = new Set(["place.unreachable", "place.hidden-from-web-server"]);

/** Warnings and notes; nothing is asked of anybody, and nothing changed. */
export function offlineFindings(plan: Plan, webUser: string | undefined): Finding[] {
  const { listen } = plan.app;
  if (listen.kind === "none") return [];
  const running = runningWebServers();
  const servers = webUser === undefined && listen.kind === "unix" ? serversNaming(listen.path, running) : running;
  const isServerKnown = webUser !== undefined || servers.length > 0;
  const findings = placeFindings(toPatient(plan, listen, webUser), servers);
  return worstFirst(findings.filter(({ code }) => spoken.has(code) && (isServerKnown || !aboutServers.has(code))));
}

function serversNaming(path: string, servers: readonly WebServer[]): WebServer[] {
  return servers.filter((server) => configNaming(server, path) !== undefined);
}

function toPatient(plan: Plan, address: NonNullable<Patient["address"]>, webUser: string | undefined): Patient {
  const { app } = plan;
  return {
    name: app.name,
    app,
    plan,
    configFile: undefined,
    address,
    running: undefined,
    wish: { uri: "/", timeoutMs: 0, as: "nginx", webUser, data: undefined, root: undefined, scriptFilename: undefined },
    journal: { say: () => {}, tried: () => {}, signal: new AbortController().signal },
  };
}
