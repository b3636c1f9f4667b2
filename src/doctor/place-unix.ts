/** The path of an app's socket: what stands there, who listens, who gets there. */
import { existsSync, lstatSync, readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import type { Finding } from "../diagnosis/finding.ts";
import { notAsked } from "../diagnosis/live-foreign.ts";
import {
  absent,
  heldByOthers,
  isSwept,
  nameAll,
  noDirectory,
  notASocket,
  removed,
  stale,
  sweptAtBoot,
  type Tenant,
  takenOver,
  tooLong,
} from "../diagnosis/place-path.ts";
import { proneToPrivateTmp } from "../diagnosis/place-view.ts";
import { listeningAt } from "../os/listening.ts";
import { describe } from "../os/occupant.ts";
import { runtimeDirectory } from "../os/runtime-dir.ts";
import { environmentOf } from "../os/survey.ts";
import { longestSocketPath } from "../supervision/socket.ts";
import { type Occupied, occupantsOf } from "./occupants.ts";
import type { Patient } from "./patient.ts";
import { judgeReach, openPathFor } from "./reach.ts";
import { judgeManagerView, judgeViews } from "./views.ts";
import { candidatesFor } from "./visitors.ts";
import type { WebServer } from "./web-servers.ts";

/** The worst first, as far as it goes: where there is no directory nothing is said of the socket in it. */
export function judgePath(patient: Patient, path: string, servers: readonly WebServer[]): Finding[] {
  const bytes = Buffer.byteLength(path);
  const tenant = tenantOf(patient, path);
  const { openPath } = tenant;
  if (bytes > longestSocketPath) return [tooLong(path, bytes, longestSocketPath, tenant)];
  const viewed = { path, openPath, webUser: patient.wish.webUser };
  const own = patient.running === undefined ? undefined : judgeManagerView(patient.running.manager.pid, viewed);
  if (own !== undefined) return [own];
  const standing = judgeStanding(patient, path, tenant);
  if (standing.some(({ code }) => blocking.has(code))) return standing;
  const blind = judgeViews(viewed, servers);
  const seeing = servers.filter((server) => !blind.has(server));
  return [
    ...standing,
    ...blind.values(),
    ...judgeReach(
      { path, app: appOf(patient), plan: patient.plan, openPath },
      candidatesFor(path, patient.wish.webUser, seeing),
    ),
    ...(blind.size === 0 && appOf(patient) !== undefined ? [proneToPrivateTmp(path, openPath)] : []),
    judgeBoot(path),
  ].filter((finding) => finding !== undefined);
}

/** Nobody can get to what is not there, or is no socket. */
const blocking: ReadonlySet<string> = new Set(["place.no-directory", "place.not-a-socket", "place.removed"]);

/** Only apps of ours are spoken of by name, and mended in our config. */
export function appOf({ app, running, name }: Patient): string | undefined {
  return app?.name ?? (running === undefined ? undefined : name);
}

function tenantOf(patient: Patient, path: string): Tenant {
  const app = appOf(patient);
  const configFile = patient.configFile ?? patient.running?.manager.config ?? undefined;
  return { app, configFile, openPath: openPathFor(app, path) };
}

function judgeStanding(patient: Patient, path: string, tenant: Tenant): Finding[] {
  const { app, openPath } = tenant;
  const directory = dirname(path);
  if (!existsSync(directory))
    return directory === runtimeDirectory(process.env) ? [] : [noDirectory(path, directory, tenant)];
  const file = look(path, app === undefined);
  if (file === undefined)
    return isHidden(path) ? [notAsked(path, userInfo().username)] : judgeAbsence(patient, path, tenant);
  const found = describe(file);
  if (found.kind === "other") return [notASocket(path, found.what, app)];
  const occupied = occupantsOf({ kind: "unix", path });
  if (occupied.listening.length === 0 && !occupied.isElsewhere) return [stale(path, tenant)];
  if (app === undefined) return [];
  return patient.running === undefined
    ? [heldByOthers(path, occupied.occupants, `socket = "${openPath}"   # another path`)]
    : judgeHolders(patient, patient.running.manager.pid, path, occupied);
}

/** A directory above it is closed to whoever runs the doctor: nobody knows what is there. */
function isHidden(path: string): boolean {
  try {
    lstatSync(path, { throwIfNoEntry: false });
    return false;
  } catch {
    return true;
  }
}

/** A program that is only tried does not listen anywhere yet. */
function judgeAbsence(patient: Patient, path: string, tenant: Tenant): Finding[] {
  if (patient.running !== undefined) return [removed(path, patient.name, tenant)];
  return isOnlyTried(patient) ? [] : [absent(path, tenant, tenant.app === undefined ? listenersBeside(path) : [])];
}

/** A directory of many sockets says nothing. */
const mostBeside = 10;

/** Was another one of them meant? */
function listenersBeside(path: string): string[] {
  const sockets = filesIn(dirname(path)).filter((file) => look(file, false)?.isSocket() === true);
  const live = sockets.filter((file) => listeningAt({ kind: "unix", path: file }).length > 0);
  if (live.length > mostBeside) return [];
  return live.map((file) => `${file}: ${nameAll(occupantsOf({ kind: "unix", path: file }).occupants)} there`);
}

/** From flags, and run by nobody. */
export function isOnlyTried({ app, configFile, running }: Patient): boolean {
  return app !== undefined && configFile === undefined && running === undefined;
}

/** Web servers follow a link; a manager refuses to bind over one. */
function look(path: string, follow: boolean): Stats | undefined {
  try {
    return follow ? statSync(path, { throwIfNoEntry: false }) : lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Its manager has to be among those who listen. Whom we may not see is not judged. */
function judgeHolders({ name }: Patient, manager: number, path: string, { occupants }: Occupied): Finding[] {
  if (occupants.length === 0 || occupants.some(({ pid }) => pid === manager)) return [];
  const isWorker = occupants.some(({ pid }) => environmentOf(pid)?.["FCGI_PM_APP"] === name);
  return [takenOver(path, occupants, name, isWorker)];
}

/** A directory that is there now, and after the next boot is not. */
function judgeBoot(path: string): Finding | undefined {
  const directory = dirname(path);
  if (!isSwept(directory) || directory.startsWith("/tmp") || directory === runtimeDirectory(process.env))
    return undefined;
  return isMadeAtBoot(directory) ? undefined : sweptAtBoot(path, directory);
}

/** Who makes directories below /run: tmpfiles.d, and units with RuntimeDirectory=. */
const makers = [
  "/etc/tmpfiles.d",
  "/usr/lib/tmpfiles.d",
  "/run/tmpfiles.d",
  "/etc/systemd/system",
  "/usr/lib/systemd/system",
];

function isMadeAtBoot(directory: string): boolean {
  const name = directory.replace(/^\/(?:var\/)?run\//, "").split("/")[0] ?? "";
  if (name === "user") return true;
  const pattern = new RegExp(`/run/${quoted(name)}\\b|^RuntimeDirectory=.*\\b${quoted(name)}\\b`, "m");
  return makers.some((each) => filesIn(each).some((file) => pattern.test(tryRead(file))));
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
