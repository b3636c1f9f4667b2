/** What operators reach a running manager by: the control socket, and the watch on files. Loaded after the workers are up. */
import { dirname, join } from "node:path";
import type { App } from "../config/app.ts";
import { type ControlServer, openControl } from "../control/server.ts";
import type { AppStatus, Status } from "../observe/status.ts";
import { ensureControlDirectory } from "../os/runtime-dir.ts";
import type { Haste } from "../supervision/life.ts";
import type { Hall } from "./hall.ts";
import { type OperationsParts, operationsOf } from "./operations.ts";
import type { Reloads } from "./reloads.ts";
import { Watching } from "./watching.ts";

export interface ControlRoomParts {
  readonly hall: Hall;
  readonly reloads: Reloads;
  /** The path that the config names. */
  readonly control: string | undefined;
  /** Where it lies otherwise. */
  readonly directory: string;
  manager(): Status["manager"];
  stop(why: string, haste: Haste): Promise<void>;
  /** All apps were looked at. */
  onLook(apps: readonly AppStatus[]): void;
}

export interface ControlRoom {
  /** Absent where the socket could not be had: the app is served all the same. */
  readonly path: string | undefined;
  watch(apps: readonly App[]): void;
  close(): Promise<void>;
}

export async function openControlRoom(parts: ControlRoomParts): Promise<ControlRoom> {
  const { hall, reloads, manager, stop, onLook } = parts;
  const { journal } = hall;
  const reload: OperationsParts["reload"] = (app, request) => reloads.reload(app, request);
  const operations = operationsOf({ hall, manager, stop, reload, onLook });
  const onBug = (error: unknown) =>
    journal.tell(undefined, {
      type: "control.bug",
      reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  const watching = new Watching(hall, reloads);
  const servers: ControlServer[] = [];
  let reached: string | undefined;
  for (const path of pathsOf(parts)) {
    try {
      if (dirname(path) === parts.directory) ensureControlDirectory(parts.directory);
      servers.push(await openControl({ operations, listen: { path }, onBug }));
      journal.tell(undefined, { type: "control.listening", path });
      reached ??= path;
    } catch (error) {
      journal.tell(undefined, { type: "control.unavailable", path, reason: (error as Error).message });
    }
  }
  return {
    path: reached,
    watch: (apps) => watching.watch(apps),
    close: async () => {
      await watching.close();
      for (const server of servers) await server.close();
    },
  };
}

/** The one that is named, and one where commands look by themselves, unless that is the same. */
function pathsOf({ control, directory }: ControlRoomParts): string[] {
  const usual = join(directory, `${process.pid}.control`);
  if (control === undefined) return [usual];
  return dirname(control) === directory ? [control] : [control, usual];
}
