/** Do the web servers see the same socket at the path as the app, or have they a file system of their own? */
import { dirname } from "node:path";
import type { Finding, Level } from "../diagnosis/finding.ts";
import { hiddenFromOthers, hiddenFromServer, privateDirectoryOf } from "../diagnosis/place-view.ts";
import { type Sight, seenBy } from "../os/other-roots.ts";
import { namespaceOf } from "../os/process-view.ts";
import { configNaming, nameOf, type WebServer } from "./web-servers.ts";

export interface Viewed {
  readonly path: string;
  readonly openPath: string;
  readonly webUser: string | undefined;
}

/** The web servers that see something else than we do, each with what to say of it. */
export function judgeViews(viewed: Viewed, servers: readonly WebServer[]): Map<WebServer, Finding> {
  const ours = namespaceOf("self", "mnt");
  const elsewhere = servers.filter(({ mountNamespace }) => mountNamespace !== undefined && mountNamespace !== ours);
  const blind = elsewhere.filter((server) => !isSame(server.pid, viewed.path));
  const isSeenBySome = servers.length > blind.length;
  return new Map(
    blind.flatMap((server): [WebServer, Finding][] => {
      const level = levelFor(server, viewed, isSeenBySome);
      return level === undefined ? [] : [[server, findingFor(server, viewed, level)]];
    }),
  );
}

/** A server that has nothing to do with this socket is not spoken of. */
function levelFor(server: WebServer, { path, webUser }: Viewed, isSeenBySome: boolean): Level | undefined {
  if (configNaming(server, path) !== undefined) return "broken";
  if (webUser === server.user && !server.isContained) return "broken";
  if (isSeenBySome) return undefined;
  return server.isContained ? "note" : "risk";
}

function findingFor(server: WebServer, { path, openPath }: Viewed, level: Level): Finding {
  return hiddenFromServer({
    path,
    server: nameOf(server),
    theirs: describe(seenBy(server.pid, path)),
    ours: describe(seenBy("self", path)),
    privateDirectory: privateDirectoryFor(server.pid, path),
    isContained: server.isContained,
    level,
    openPath,
  });
}

/** The same file, or, where there is none yet, the same directory. */
function isSame(pid: number, path: string): boolean {
  const [ours, theirs] = [seenBy("self", path), seenBy(pid, path)];
  if (theirs.kind === "unseen") return true;
  if (ours.kind === "file") return isEqual(ours, theirs);
  if (theirs.kind === "file") return false;
  return isEqual(seenBy("self", dirname(path)), seenBy(pid, dirname(path)));
}

/** Has it a /tmp of its own, and the path lies there? */
function privateDirectoryFor(pid: number, path: string): "/tmp" | "/var/tmp" | undefined {
  const directory = privateDirectoryOf(path);
  return directory === undefined || isSame(pid, directory) ? undefined : directory;
}

function isEqual(one: Sight, other: Sight): boolean {
  if (one.kind !== "file" || other.kind !== "file") return one.kind === other.kind;
  return one.dev === other.dev && one.ino === other.ino;
}

function describe(sight: Sight): string {
  return sight.kind === "file" ? `a file of device ${sight.dev}, inode ${sight.ino}` : "nothing";
}

/** The manager has bound a path that only it can see; undefined where everybody sees the same. */
export function judgeManagerView(pid: number, { path, openPath }: Viewed): Finding | undefined {
  const theirs = seenBy(pid, path);
  if (theirs.kind !== "file" || namespaceOf(pid, "mnt") === namespaceOf("self", "mnt") || isSame(pid, path)) {
    return undefined;
  }
  return hiddenFromOthers({
    path,
    server: `fcgi-pm (process ${pid})`,
    theirs: describe(theirs),
    ours: describe(seenBy("self", path)),
    privateDirectory: privateDirectoryFor(pid, path),
    openPath,
  });
}
