/** A web server, or the manager, that has a file system of its own and sees another socket at the path, or none. */
import type { Finding, Level } from "./finding.ts";

export interface ViewFacts {
  readonly path: string;
  /** `nginx (process 4711)`. */
  readonly server: string;
  /** What stands there for it, and for us: `nothing`, `another file (device 52, inode 8)`. */
  readonly theirs: string;
  readonly ours: string;
  /** The path has the directory in which it differs: `/tmp` under PrivateTmp=yes; undefined for another reason. */
  readonly privateDirectory: "/tmp" | "/var/tmp" | undefined;
  /** It runs in a container: another list of processes. */
  readonly isContained: boolean;
  readonly level: Level;
  readonly openPath: string;
}

/** Of a web server: it looks for the socket elsewhere than the app has it. */
export function hiddenFromServer(facts: ViewFacts): Finding {
  const { path, server, privateDirectory, isContained, openPath } = facts;
  const why = reasonOf(privateDirectory, isContained);
  const unit = server.split(" ")[0];
  return {
    code: "place.hidden-from-web-server",
    level: facts.level,
    what: `${server} does not see the socket ${path}: ${why}`,
    seen: [`for us there is ${facts.ours}; for ${server} there is ${facts.theirs}`],
    remedy: isContained
      ? [`mount the socket's directory into the container: docker run -v ${directoryOf(path)}:${directoryOf(path)} …`]
      : [
          `socket = "${openPath}"   # and the same path in the web server's config`,
          `systemctl edit ${unit}   # [Service] PrivateTmp=no, then: systemctl restart ${unit}`,
        ],
  };
}

/** Of the manager: nobody else sees what it has bound. */
export function hiddenFromOthers(facts: Omit<ViewFacts, "isContained" | "level">): Finding {
  const { path, server, privateDirectory, openPath } = facts;
  return {
    code: "place.hidden-from-others",
    level: "broken",
    what: `nobody but ${server} and its workers sees the socket ${path}: ${reasonOf(privateDirectory, false)}`,
    seen: [`for ${server} there is ${facts.theirs}; for us there is ${facts.ours}`],
    remedy: [
      `socket = "${openPath}"   # and the same path in the web server's config`,
      "systemctl edit fcgi-pm   # [Service] PrivateTmp=no, then: systemctl restart fcgi-pm",
    ],
  };
}

function reasonOf(directory: "/tmp" | "/var/tmp" | undefined, isContained: boolean): string {
  if (isContained) return "it runs in a container, with a file system of its own";
  return directory === undefined
    ? "it runs in a mount namespace of its own"
    : `it has a ${directory} of its own (PrivateTmp=yes in its unit)`;
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

/** Where PrivateTmp= gives a service a directory of its own. */
export function privateDirectoryOf(path: string): "/tmp" | "/var/tmp" | undefined {
  if (path.startsWith("/tmp/")) return "/tmp";
  return path.startsWith("/var/tmp/") ? "/var/tmp" : undefined;
}

/** What can be said of a path without a look at any process. */
export function proneToPrivateTmp(path: string, openPath: string): Finding | undefined {
  const directory = privateDirectoryOf(path);
  if (directory === undefined) return undefined;
  return {
    code: "place.private-tmp-prone",
    level: "note",
    what: `the socket ${path} lies in ${directory}, of which a service with PrivateTmp=yes has its own`,
    seen: ['a web server in such a unit gets "(2: No such file or directory)" for a socket that is there'],
    remedy: [`socket = "${openPath}"`],
  };
}
