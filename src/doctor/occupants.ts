/** Who listens at an address, as the doctor names them. */
import { type Stats, statSync } from "node:fs";
import type { Occupant } from "../diagnosis/place-path.ts";
import { type Listening, listeningAt, type Place } from "../os/listening.ts";
import { probe } from "../os/occupant.ts";
import { viewProcess } from "../os/process-view.ts";
import { isWorkerOfOurs } from "../os/procfs.ts";
import { judgeSocket } from "../supervision/socket.ts";

/** What there is at an address. */
export interface Occupied {
  readonly listening: readonly Listening[];
  /** Each process once; none where we may not see who it is. */
  readonly occupants: readonly Occupant[];
  /** Somebody listens, or may: in a container or another network namespace, of which the kernel tells us nothing. */
  readonly isElsewhere: boolean;
}

export function occupantsOf(place: Place): Occupied {
  const listening = place.kind === "unix" && look(place.path) === undefined ? [] : listeningAt(place);
  const pids = new Set(listening.flatMap(({ holdings }) => holdings.map(({ pid }) => pid)));
  const isElsewhere = listening.length === 0 && place.kind === "unix" && listensElsewhere(place.path);
  return { listening, occupants: [...pids].flatMap((pid) => toOccupant(pid) ?? []), isElsewhere };
}

/** As before a bind: where the kernel knows of nobody, one connection that is given up at once. */
function listensElsewhere(path: string): boolean {
  const file = look(path);
  return file?.isSocket() === true && judgeSocket({ kind: "socket" }, probe(path, file)) === "in-use";
}

/** Undefined also where a directory above it is closed to us. */
function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function toOccupant(pid: number): Occupant | undefined {
  const view = viewProcess(pid);
  if (view === undefined) return undefined;
  return { pid, name: view.name, user: view.user, isWorker: isWorkerOfOurs(pid) };
}
