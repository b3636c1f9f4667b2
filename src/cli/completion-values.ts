/** What may stand for an option's value or an argument, read from what the help says of it: nobody has to say it twice. */
import type { Argument, Option } from "commander";

export type Values =
  | { readonly kind: "words"; readonly words: readonly string[] }
  /** `apps`: names of apps, and with `files` programs, too. */
  | { readonly kind: "apps"; readonly files: boolean }
  | { readonly kind: "files" | "directories" | "users" | "groups" | "owners" | "signals" | "nothing" };

/** What a placeholder stands for. Those that are not here are for numbers, times and words of the user's own. */
const kinds: Readonly<Record<string, Exclude<Values["kind"], "words" | "apps">>> = {
  file: "files",
  path: "files",
  program: "files",
  directory: "directories",
  dir: "directories",
  user: "users",
  group: "groups",
  "user:group": "owners",
  signal: "signals",
};

/** Paths of requests, which lie in no file system. */
const ofRequests = ["--uri", "--script-name", "--at"];

/** Nothing, where the option takes no value. */
export function valuesOfOption({ long, flags, description }: Option): Values {
  const placeholder = /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1];
  if (placeholder === undefined || ofRequests.includes(long ?? "")) return { kind: "nothing" };
  return long === "--app" ? { kind: "apps", files: false } : valuesOf(placeholder, description);
}

export function valuesOfArgument(argument: Argument): Values {
  const isApp = argument.name() === "app" || /^(?:an|the|one) app\b/.test(argument.description);
  if (isApp) return { kind: "apps", files: argument.name() === "program" };
  return valuesOf(argument.name(), argument.description);
}

function valuesOf(placeholder: string, description: string): Values {
  const name = placeholder.replace(/\.\.\.$/, "");
  const words = name.includes("|") ? name.split("|") : listIn(description);
  return words === undefined || name.includes("=") ? { kind: kinds[name] ?? "nothing" } : { kind: "words", words };
}

/** The words of "bash, zsh or fish" or "bash, zsh, fish", with a sentence and a colon before it or without. */
function listIn(description: string): string[] | undefined {
  const list = /(?:^|: )(\w[\w-]*(?:(?:, or |, | or )\w[\w-]*)+)(?=$|\.$|\. | \(|;)/.exec(description)?.[1];
  return list?.split(/, or |, | or /);
}
