/** What happens besides the law: typed like its notices, said in the same stream. */
import { type Notice as LawNotice, sentenceOf as lawSentence, type NoticeType } from "../supervision/notice.ts";
import { formatDuration, formatSize } from "../units.ts";

export type ShellNotice =
  | { readonly type: "listener.bound"; readonly address: string }
  | { readonly type: "listener.replaced-stale"; readonly address: string }
  | { readonly type: "listener.capped"; readonly wanted: number; readonly cap: number }
  | { readonly type: "listener.public"; readonly address: string }
  | { readonly type: "listener.unchanged"; readonly address: string; readonly reason: string }
  | { readonly type: "listener.taken"; readonly address: string; readonly remedy: string }
  | { readonly type: "listener.non-blocking"; readonly remedy: string }
  | { readonly type: "listener.inherited"; readonly address: string; readonly name: string }
  | { readonly type: "listener.elsewhere"; readonly address: string; readonly configured: string }
  | { readonly type: "listener.unclaimed"; readonly address: string; readonly name: string }
  | { readonly type: "listener.adopted"; readonly address: string }
  | { readonly type: "listener.shared"; readonly address: string; readonly pids: readonly number[] }
  | { readonly type: "listener.lost"; readonly address: string }
  | { readonly type: "listener.let-go"; readonly address: string }
  | { readonly type: "listener.not-kept"; readonly address: string }
  | { readonly type: "app.runs-as-root"; readonly remedy: string }
  | { readonly type: "app.added" }
  | { readonly type: "app.removed" }
  | { readonly type: "app.moved"; readonly address: string }
  | { readonly type: "app.changed"; readonly changes: readonly string[] }
  | { readonly type: "app.external"; readonly changes: readonly string[] }
  | { readonly type: "app.touched"; readonly path: string }
  | { readonly type: "app.unwatched"; readonly reason: string }
  | { readonly type: "output.cut"; readonly number: number; readonly cutBytes: number }
  | { readonly type: "output.dropped"; readonly number: number; readonly lines: number; readonly bytes: number }
  | { readonly type: "output.unwritable"; readonly file: string; readonly reason: string }
  | { readonly type: "output.mended"; readonly file: string };

export type ManagerNotice =
  | { readonly type: "manager.started"; readonly apps: readonly string[]; readonly version: string }
  | { readonly type: "manager.ready"; readonly tookMs: number }
  | { readonly type: "manager.stopping"; readonly why: string }
  | { readonly type: "manager.killing"; readonly why: string }
  | { readonly type: "manager.ignores"; readonly signal: string }
  | { readonly type: "manager.reloading"; readonly why: string }
  | { readonly type: "manager.reloaded"; readonly apps: readonly string[] }
  | { readonly type: "manager.reload-failed"; readonly apps: readonly string[] }
  | { readonly type: "manager.refuses-reload"; readonly reason: string }
  | {
      readonly type: "manager.unit-behind";
      readonly unit: string;
      readonly settings: readonly string[];
      readonly remedy: string;
    }
  | { readonly type: "control.listening"; readonly path: string }
  | { readonly type: "control.unavailable"; readonly path: string; readonly reason: string }
  | { readonly type: "control.told"; readonly command: string }
  | { readonly type: "control.bug"; readonly reason: string }
  | { readonly type: "manager.stopped" }
  /** Of an app's output file, or of the manager's log. */
  | { readonly type: "log.dropped"; readonly lines: number; readonly file?: string };

export type Notice = LawNotice | ShellNotice | ManagerNotice;
export type Level = "debug" | "info" | "warn" | "error";

type Sentences<N extends { type: string }> = { readonly [T in N["type"]]: (notice: Extract<N, { type: T }>) => string };

const sentences: Sentences<ShellNotice | ManagerNotice> = {
  "listener.bound": (n) => `listening on ${n.address}`,
  "listener.replaced-stale": (n) => `replaced the stale socket ${n.address}: nobody listened on it`,
  "listener.capped": (n) =>
    `the kernel caps the listen queue at ${n.cap}, ${n.wanted} are wanted: sysctl net.core.somaxconn=${n.wanted}`,
  "listener.public": (n) =>
    `${n.address} can be reached from other machines, and FastCGI has no authentication: limit it by a firewall, allowed-clients, or 127.0.0.1`,
  "listener.unchanged": (n) => `${n.address} keeps its rights and its depth: ${n.reason}`,
  "listener.taken": (n) => `${n.address} is no longer our socket: a program bound the path anew. ${n.remedy}`,
  "listener.non-blocking": (n) => `the shared socket is non-blocking, which makes workers exit at once. ${n.remedy}`,
  "listener.inherited": (n) => `listening on ${n.address}, a socket of systemd's ("${n.name}")`,
  "listener.elsewhere": (n) =>
    `it is configured for ${n.configured} and listens where its socket unit says, on ${n.address}: put that into the config, too`,
  "listener.unclaimed": (n) =>
    `nobody serves ${n.address}, a socket of systemd's ("${n.name}"): its clients wait in vain. Give its unit FileDescriptorName= with the name of an app, or stop the unit`,
  "listener.adopted": (n) => `listening on ${n.address}, which systemd has kept open meanwhile`,
  "listener.shared": (n) =>
    `workers of a former manager serve ${n.address}, too: kill ${n.pids.join(" ")}. KillMode=mixed in the unit ends them`,
  "listener.lost": (n) =>
    `systemd has kept the socket of ${n.address}, but its path has gone: bound anew. RuntimeDirectoryPreserve=restart in the unit keeps it`,
  "listener.let-go": (n) => `systemd has kept ${n.address}, where no app listens any more: closed`,
  "listener.not-kept": (n) =>
    `systemd does not keep ${n.address} over a restart: FileDescriptorStoreMax= in the unit is too small`,
  "app.runs-as-root": (n) => `workers run as root. ${n.remedy}`,
  "app.added": () => "added",
  "app.removed": () => "removed: its workers finish and end",
  "app.moved": (n) => `moved to ${n.address}: the workers on the old listener finish and end`,
  "app.changed": (n) => `changed in place: ${n.changes.join("; ")}`,
  "app.external": (n) => `external: ${n.changes.join("; ")}`,
  "app.unwatched": (n) => `its files cannot be watched: ${n.reason}`,
  "app.touched": (n) => `${n.path} has changed: reloading`,
  "output.cut": (n) => `worker ${n.number} wrote a line that is too long: ${formatSize(n.cutBytes)} were cut off`,
  "output.dropped": (n) =>
    `worker ${n.number} writes faster than it may: ${n.lines} lines (${formatSize(n.bytes)}) were dropped`,
  "output.unwritable": (n) => `cannot write ${n.file}: ${n.reason}; until it is mended lines go to the manager's log`,
  "output.mended": (n) => `${n.file} is written again`,
  "manager.started": (n) => `fcgi-pm ${n.version} started for ${n.apps.join(", ")}`,
  "manager.ready": (n) => `all workers ready after ${formatDuration(n.tookMs)}`,
  "manager.stopping": (n) => `${n.why}: stopping; a second time ends all at once`,
  "manager.killing": (n) => `${n.why}: killing all workers now`,
  "manager.ignores": (n) => `${n.signal} is ignored: this version does nothing on it`,
  "manager.reloading": (n) => `${n.why}: reloading`,
  "manager.reloaded": (n) => `reloaded: ${n.apps.join(", ")}`,
  "manager.reload-failed": (n) => `reload failed for ${n.apps.join(", ")}`,
  "manager.refuses-reload": (n) => `reload refused, everything stays as it is: ${n.reason}`,
  "manager.unit-behind": (n) =>
    `${n.unit} is not up to date, install would change ${n.settings.join(", ")}: ${n.remedy}`,
  "control.listening": (n) => `control socket ${n.path}`,
  "control.unavailable": (n) => `no command reaches this manager by ${n.path}: ${n.reason}`,
  "control.told": (n) => `told through the control socket: ${n.command}`,
  "control.bug": (n) => `a command failed by a bug in fcgi-pm: ${n.reason}`,
  "manager.stopped": () => "stopped",
  "log.dropped": (n) => `${n.file ?? "the log"} was written too slowly: ${n.lines} lines of workers were dropped`,
};

const levels: Partial<Record<NoticeType | (ShellNotice | ManagerNotice)["type"], Level>> = {
  "worker.spawned": "debug",
  "worker.died": "warn",
  "worker.late": "warn",
  "worker.killed": "warn",
  "worker.lingers": "error",
  "worker.drain-timeout": "warn",
  "spawn.refused": "error",
  "pool.crash-loop": "error",
  "pool.spends-too-fast": "warn",
  "listener.replaced-stale": "warn",
  "listener.capped": "warn",
  "listener.public": "warn",
  "listener.unchanged": "warn",
  "listener.taken": "error",
  "listener.non-blocking": "error",
  "listener.elsewhere": "warn",
  "listener.unclaimed": "warn",
  "listener.shared": "warn",
  "listener.lost": "warn",
  "listener.not-kept": "warn",
  "app.runs-as-root": "warn",
  "app.unwatched": "warn",
  "output.cut": "warn",
  "output.dropped": "warn",
  "output.unwritable": "error",
  "manager.killing": "warn",
  "manager.ignores": "warn",
  "manager.refuses-reload": "error",
  "manager.unit-behind": "warn",
  "manager.reload-failed": "error",
  "control.listening": "debug",
  "control.unavailable": "warn",
  "control.bug": "error",
  "roll.advanced": "debug",
  "roll.taken-back": "error",
  "roll.given-up": "warn",
  "log.dropped": "warn",
};

export function levelOf(notice: Notice): Level {
  return levels[notice.type] ?? "info";
}

/** The notice as a sentence, without the app's name. */
export function sentenceOf(notice: Notice): string {
  const own = (sentences as { [type: string]: ((n: Notice) => string) | undefined })[notice.type];
  return own === undefined ? lawSentence(notice as LawNotice) : own(notice);
}
