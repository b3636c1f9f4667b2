/** Does the web server get to the socket? Each part of the path is tried as its user. */
import { dirname } from "node:path";
import type { Finding } from "../diagnosis/finding.ts";
import { allows, type PathPart } from "../diagnosis/place-part.ts";
import { unreachable } from "../diagnosis/place-reach.ts";
import type { Plan } from "../manager/plan.ts";
import { type Person, tryAs } from "../os/access-as.ts";
import { partsOf } from "../os/path-parts.ts";
import { findGroup, findUser } from "../os/posix.ts";
import type { Candidate } from "./visitors.ts";

export interface Way {
  readonly path: string;
  readonly app: string | undefined;
  /** Absent: of a socket that is there already, or somebody else's. */
  readonly plan: Plan | undefined;
  readonly openPath: string;
}

/** A finding for each candidate that does not get there. A socket that is not there yet is judged as it would be made. */
export function judgeReach(way: Way, candidates: readonly Candidate[]): Finding[] {
  const found = partsOf(way.path);
  const isThere = found.at(-1)?.isSocket === true;
  const made = isThere || way.plan === undefined ? [] : [toBeMade(way.path, way.plan)];
  return candidates.flatMap((candidate) => {
    const parts = [...found, ...made];
    const stop = stopOf(parts, candidate, made);
    if (stop === undefined) return [];
    const level = isThere ? candidate.level : "risk";
    return [unreachable({ ...way, parts, ...stop, visitor: candidate.visitor, level })];
  });
}

/** The socket as the manager would make it. */
function toBeMade(path: string, { app, owner }: Plan): PathPart {
  const uid = owner.uid ?? process.geteuid?.() ?? 0;
  const gid = owner.gid ?? process.getegid?.() ?? 0;
  const bits = [0o400, 0o200, 0o100, 0o40, 0o20, 0o10, 0o4, 0o2, 0o1];
  const letters = bits.map((bit, at) => ((app.socketMode & bit) === 0 ? "-" : "rwx"[at % 3])).join("");
  return {
    path,
    letters: `s${letters}`,
    mode: app.socketMode,
    uid,
    gid,
    owner: findUser(uid)?.name ?? String(uid),
    group: findGroup(gid)?.name ?? String(gid),
    isSocket: true,
  };
}

interface Stop {
  readonly barrier: PathPart;
  readonly isToCome: boolean;
  readonly wasTried: boolean;
  readonly needsRestart: boolean;
}

function stopOf(parts: readonly PathPart[], candidate: Candidate, made: readonly PathPart[]): Stop | undefined {
  const { person, visitor } = candidate;
  for (const barrier of parts) {
    const tried = made.includes(barrier) ? undefined : tryPart(person, barrier);
    if (tried ?? allows(barrier, visitor)) continue;
    const wasTried = tried !== undefined;
    return {
      barrier,
      isToCome: made.includes(barrier),
      wasTried,
      needsRestart: wasTried && passesAnew(parts, candidate),
    };
  }
  return undefined;
}

/** Would it pass with the groups that its user has by now? */
function passesAnew(parts: readonly PathPart[], { person: { groups, ...person } }: Candidate): boolean {
  return groups !== undefined && parts.every((part) => tryPart(person, part) === true);
}

function tryPart(person: Person, part: PathPart): boolean | undefined {
  return tryAs(person, part.path, part.isSocket ? "write" : "search");
}

/** A path that every web server can reach, as the remedy: in the runtime directory of root. */
export function openPathFor(app: string | undefined, path: string): string {
  const name = app === undefined ? path.slice(path.lastIndexOf("/") + 1) : `${app}.sock`;
  const open = `/run/fcgi-pm/${name}`;
  return open === path || dirname(path) === "/run/fcgi-pm" ? `/run/fcgi-pm/${app ?? "app"}.sock` : open;
}
