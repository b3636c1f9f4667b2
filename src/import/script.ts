/** Shell scripts and single command lines: variables are followed, and what starts a FastCGI program becomes an app. */

import type { Draft, Given, Imported, Origin, Remark, World } from "./draft.ts";
import { newDraft, remark } from "./draft.ts";
import { anchorProgram, isLauncher, takeCommand } from "./launch.ts";
import { nameFromProgram } from "./names.ts";
import { baseOf, directoryOf, isAbsolute, resolveFrom } from "./paths.ts";
import { commandLines } from "./script-lines.ts";
import type { Surroundings } from "./script-surroundings.ts";
import { isTold, newSurroundings, settleSurroundings, takeRights, takeSurroundings } from "./script-surroundings.ts";
import { foldChildren } from "./spawners.ts";
import { splitShell } from "./words.ts";

/** Follows assignments from top to bottom. Conditions and loops are not: each command counts as if it ran once. */
export function importScript(file: string, text: string, world: World): Imported {
  const run: Run = {
    world,
    variables: new Map(),
    exported: new Set(),
    around: newSurroundings(),
    remarks: [],
    apps: [],
  };
  runText(run, file, text, 0);
  return { apps: run.apps, remarks: run.remarks, differences };
}

const differences = [
  "spawn-fcgi starts its workers once; here a worker that dies is replaced, and the listener stays open.",
];

interface Run {
  readonly world: World;
  readonly variables: Map<string, string>;
  readonly exported: Set<string>;
  readonly around: Surroundings;
  readonly remarks: Remark[];
  readonly apps: Draft[];
}

function runText(run: Run, file: string, text: string, depth: number): void {
  for (const { text: line, number } of commandLines(text)) runLine(run, { file, line: number }, line, depth);
}

/** Words before a command that only say when it runs. */
const keywords = new Set(["if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "return"]);

function runLine(run: Run, origin: Origin, line: string, depth: number): void {
  let rest = line;
  while (rest !== "") {
    const missing = new Set<string>();
    const command = splitShell(rest, (text) => expand(run, text, missing));
    if (command === undefined) return;
    const words = command.words.slice(
      Math.max(
        0,
        command.words.findIndex((word) => !keywords.has(word)),
      ),
    );
    const written = rest.slice(0, rest.length - command.rest.length).trim();
    runCommand(run, { origin, written, value: "" }, words, missing, depth);
    // What is left begins with an operator or with a comment: it gets shorter each time.
    rest = command.rest.startsWith("#") ? "" : command.rest.replace(/^[;&|<>()]+/, "");
  }
}

function runCommand(
  run: Run,
  given: Given,
  words: readonly string[],
  missing: ReadonlySet<string>,
  depth: number,
): void {
  const [first = "", second = ""] = words;
  if (words.length > 0 && words.every((word) => /^[A-Za-z_]\w*=/.test(word))) assign(run, words);
  else if (/^(?:export|readonly|local|declare)$/.test(first)) {
    if (first === "export") for (const word of words.slice(1)) run.exported.add(word.split("=")[0] ?? "");
    assign(run, words.slice(1));
  } else if ((first === "." || first === "source") && depth < 4) readMore(run, given, second, depth);
  else if (starts(words)) addApp(run, given, words, missing);
  else takeAround(run, given, words);
}

/** What stands around the programs changes them, too. */
function takeAround(run: Run, given: Given, words: readonly string[]): void {
  const isHeeded =
    takeSurroundings(run.around, given, words, run.remarks) || takeRights(run.apps, given, words, run.remarks);
  if (!isHeeded && isTold(words)) remark(run.remarks, "lost", given, "the import does not take this command over");
}

function addApp(run: Run, given: Given, words: readonly string[], missing: ReadonlySet<string>): void {
  const draft = newDraft("app", given);
  for (const name of missing) remark(run.remarks, "lost", given, `nobody says what $${name} is: it counts as empty`);
  takeExported(run, draft);
  takeCommand(draft, given, words);
  settleSurroundings(draft, run.around);
  anchorProgram(draft, given, run.around.cwd);
  const [program] = (draft.settings.get("command") as readonly string[] | undefined) ?? [];
  if (program === undefined) {
    run.remarks.push(...draft.remarks);
    return;
  }
  draft.name = nameFromProgram(program);
  if (!draft.settings.has("socket") && !draft.settings.has("port"))
    remark(draft.remarks, "changed", given, "no socket is named here: the app gets one in the runtime directory");
  foldChildren(draft);
  run.apps.push(draft);
}

/** Does this command start a FastCGI program, with a socket? */
function starts(words: readonly string[]): boolean {
  const program = words.find((word) => !/^[A-Za-z_]\w*=/.test(word)) ?? "";
  if (
    /^(?:echo|printf|test|\[|which|command|pkill|killall|kill|pgrep|pidof|log_\w+|apt-get|chmod|chown|rm|mkdir|grep)$/.test(
      baseOf(program),
    )
  )
    return false;
  if (words.includes("--stop") || words.includes("-K")) return false;
  // A whole command line in one word is for sh -c or su -c.
  return isLauncher(words.flatMap((word) => word.split(/\s+/))) || bindsItself(words);
}

function bindsItself(words: readonly string[]): boolean {
  return words.some((word, at) => {
    const args = words.slice(at + 1);
    if (/^php(?:-f?cgi[\d.]*|[\d.]+-cgi)$/.test(baseOf(word)))
      return args.some((arg) => /^(?:-b|--bindpath)/.test(arg));
    return baseOf(word) === "fcgiwrap" && args.some((arg) => /^-s/.test(arg));
  });
}

/** Exported variables reach every program that is started behind them. */
function takeExported(run: Run, draft: Draft): void {
  const env = [...run.exported].flatMap((name) => {
    const value = run.variables.get(name);
    return value === undefined || name === "PATH" ? [] : [[name, value] as const];
  });
  if (env.length > 0) draft.settings.set("env", Object.fromEntries(env));
}

function assign(run: Run, words: readonly string[]): void {
  for (const word of words) {
    const at = word.indexOf("=");
    if (at > 0) run.variables.set(word.slice(0, at), word.slice(at + 1));
  }
}

function readMore(run: Run, given: Given, file: string, depth: number): void {
  const path = isAbsolute(file) ? file : resolveFrom(directoryOf(given.origin.file), file);
  const text = run.world.read(path);
  if (text === undefined) remark(run.remarks, "lost", given, "it cannot be read, and may set variables");
  else runText(run, path, text, depth + 1);
}

/** `$NAME`, `${NAME}`, `${NAME:-other}`. What a command would print is not known. */
function expand(run: Run, text: string, missing: Set<string>): string {
  const value = text.replace(
    /\u0000\$|\$\{(\w+)(?::?[-=]([^}]*))?\}|\$(\w+)|\$\(\(?[^()]*\)?\)|`[^`]*`/g,
    (whole, braced: string | undefined, otherwise: string | undefined, plain: string | undefined) => {
      if (whole === "\u0000$") return "$";
      const name = braced ?? plain;
      const known = name === undefined ? undefined : (run.variables.get(name) ?? otherwise ?? run.world.variable(name));
      if (known === undefined) missing.add(name ?? whole.replace(/^\$/, ""));
      return known ?? "";
    },
  );
  return value.replaceAll("\u0000", "");
}
