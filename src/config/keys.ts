/**
 * Every key there is. From this table come the TOML keys, the long flags, the checks (schema.ts), the JSON schema and the
 * page docs/configuration.md (docs.ts). It imports no library, so that a list of flags costs nothing at start.
 */
import { appKeys } from "./app-keys.ts";
import type { Key, NamedKey } from "./key.ts";
import { listKeys } from "./key.ts";

export { appKeys } from "./app-keys.ts";
export type { Key, Kind, NamedKey } from "./key.ts";
export { fieldOf, flagOf, listKeys } from "./key.ts";

/** The keys of `[manager]`. */
export const managerKeys = {
  control: {
    kind: "path",
    group: "Manager",
    description: "The path of the control socket.",
    placeholder: "<path>",
    otherwise: "`PID.control` in the runtime directory",
  },
  "log-format": {
    kind: "log-format",
    group: "Manager",
    description: "The form of the log: pretty for people, json for programs, auto picks pretty on a terminal.",
    placeholder: "<auto|pretty|json>",
    default: "auto",
  },
  "log-file": {
    kind: "path",
    group: "Manager",
    description: "The file the log goes to; USR1 opens it again.",
    placeholder: "<path>",
    otherwise: "standard error",
  },
} as const satisfies Record<string, Key>;

/** The keys at the top of a file beside the tables [manager], [defaults] and [apps.NAME]. */
export const fileKeys = {
  include: {
    kind: "patterns",
    group: "File",
    description: "Patterns of further files, relative to this one, that hold apps.",
    placeholder: "<pattern>",
    otherwise: "none",
  },
} as const satisfies Record<string, Key>;

export const fileTables = ["manager", "defaults", "apps"] as const;

export type AppKeyName = keyof typeof appKeys;
export type AppFlagName = Exclude<AppKeyName, "command">;
export type ManagerKeyName = keyof typeof managerKeys;

/** The flags of `start` that describe the app, in the order of the help page. */
export const appFlags: readonly NamedKey[] = listKeys(appKeys).filter((key) => key.name !== "command");

/** The flags that describe the manager. */
export const managerFlags: readonly NamedKey[] = listKeys(managerKeys);
