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
    description:
      "The form of the log: pretty for people, json for programs, journal for journald; auto picks pretty on a terminal, journal where standard error is the journal.",
    placeholder: "<auto|pretty|json|journal>",
    default: "auto",
  },
  "log-file": {
    kind: "path",
    group: "Manager",
    description: "The file the log goes to; USR1 opens it again.",
    placeholder: "<path>",
    otherwise: "standard error",
  },
  "exit-on": {
    kind: "exit-on",
    group: "Manager",
    description:
      "When the manager ends by itself, with status 1: backoff once an app is in a crash loop, stopped also once an app is stopped.",
    placeholder: "<never|backoff|stopped>",
    default: "never",
  },
  subreaper: {
    kind: "boolean",
    group: "Manager",
    description:
      "Whether processes that workers leave behind become the manager's own and are reaped, as PID 1 does in any case.",
    placeholder: "",
    default: "false",
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
/** Not flags of `start`: the command is its arguments, and of what is external nothing is to be started. */
const noFlags: readonly string[] = ["command", "external"];

/** The flags of `start` that describe the app, in the order of the help page. */
export const appFlags: readonly NamedKey[] = listKeys(appKeys).filter(({ name }) => !noFlags.includes(name));

/** The flags that describe the manager. */
export const managerFlags: readonly NamedKey[] = listKeys(managerKeys);
