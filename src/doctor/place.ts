/** The place where an app listens, from outside: is it there, is it the app's, and does the web server get there? */
import { findManagers } from "../control/find.ts";
import type { Finding, Level } from "../diagnosis/finding.ts";
import { queueCapped, twoApps } from "../diagnosis/place-port.ts";
import { asFlag } from "../diagnosis/setting.ts";
import { formatAddress } from "../fastcgi/address.ts";
import { queueCap } from "../os/procfs.ts";
import { controlDirectories } from "../os/runtime-dir.ts";
import type { Patient } from "./patient.ts";
import { judgePort } from "./place-port.ts";
import { appOf, judgePath } from "./place-unix.ts";
import { runningWebServers, type WebServer } from "./web-servers.ts";

/** Looks at the address of every patient that has one; connects to nobody and changes nothing. */
export async function examinePlace(
  patient: Patient,
  servers: readonly WebServer[] = runningWebServers(),
): Promise<Finding[]> {
  const { address } = patient;
  if (address === undefined) return [];
  const findings = placeFindings(patient, servers);
  const named = await Promise.all(findings.map((finding) => nameRival(patient, finding)));
  return worstFirst(asWritten(patient, named));
}

/** What can be said without asking any manager: for `check`, too. */
export function placeFindings(patient: Patient, servers: readonly WebServer[]): Finding[] {
  const { address } = patient;
  if (address === undefined) return [];
  const own =
    address.kind === "unix"
      ? judgePath(patient, address.path, servers)
      : judgePort(patient, address.host, address.port);
  return [...own, ...judgeCap(patient)];
}

/** The settings of an app that stands in no config are flags. */
export function asWritten({ configFile, running, ...patient }: Patient, findings: readonly Finding[]): Finding[] {
  const isOurs = patient.app !== undefined || running !== undefined;
  const isInConfig = configFile !== undefined || (running?.manager.config ?? null) !== null;
  if (!isOurs || isInConfig) return [...findings];
  return findings.map((finding) => ({ ...finding, remedy: finding.remedy.map(asFlag) }));
}

function judgeCap({ app }: Patient): Finding[] {
  const cap = queueCap();
  if (app === undefined || cap === undefined || cap >= app.listenQueueDepth) return [];
  return [queueCapped(app.listenQueueDepth, cap)];
}

/** Where it is another manager that has the address, its app is named. */
async function nameRival(patient: Patient, finding: Finding): Promise<Finding> {
  const { address } = patient;
  const app = appOf(patient);
  if (finding.code !== "place.held-by-others" || address === undefined || app === undefined) return finding;
  const where = formatAddress(address);
  const { managers } = await findManagers(controlDirectories(process.env));
  const rivals = managers.flatMap(({ status }) =>
    status.apps.filter((each) => each.address === where).map((each) => ({ app: each.app, pid: status.manager.pid })),
  );
  const [rival] = rivals;
  return rival === undefined ? finding : twoApps(where, app, rival.app, rival.pid);
}

const order: readonly Level[] = ["broken", "risk", "note"];

export function worstFirst(findings: readonly Finding[]): Finding[] {
  return order.flatMap((level) => findings.filter((finding) => finding.level === level));
}
