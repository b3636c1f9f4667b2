/** What a manager wants to be told, and what can be asked of it. */
import type { Config } from "../config/app.ts";
import type { UnitLag } from "../diagnosis/unit-lag.ts";
import type { FcgiPmError } from "../errors.ts";
import type { Status } from "../observe/status.ts";
import type { Haste } from "../supervision/life.ts";
import type { Journal } from "./journal.ts";

/** What it has to be told of the machine and of the command that started it. */
export interface ManagerOptions {
  readonly version: string;
  /** A socket that nobody named lies here; made when one does. */
  readonly runtimeDirectory: string;
  /** The control socket lies here, unless the config names one. */
  readonly controlDirectory: string;
  /** Bytes that the process list has for our title. */
  readonly titleRoom: number;
  /** The file that the config came from; absent for an app from flags. */
  readonly configFile?: string;
  /** Reads the config anew, for a reload. */
  reread(): Promise<Config>;
  /** What the unit of this service lacks for the config as it is now. */
  unitLag(): Promise<UnitLag | undefined>;
}

/** What it is to whoever has started it. */
export interface Manager {
  /** Resolves when all workers of all apps have been ready. */
  readonly ready: Promise<void>;
  /** Resolves when commands can reach it, or when it is known that none will. */
  readonly reachable: Promise<void>;
  /** Resolves when all has ended and the listeners are released. */
  readonly stopped: Promise<void>;
  /** Why it has ended by itself. */
  readonly failure: FcgiPmError | undefined;
  readonly journal: Journal;
  status(): Status;
  isReady(): boolean;
  stop(why: string, haste: Haste): void;
  /** Reloads all apps; what comes of it is said in the log. */
  reload(why: string): void;
  /** After a bug that leaves the state unknown: kills every worker, says why, and ends the process with status 1. */
  abort(error: unknown): void;
}
