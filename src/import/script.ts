/** Shell scripts and single command lines: variables are followed, and what starts a FastCGI program becomes an app. */

import type { Draft, Given, Imported, Origin, Remark, World } from "./draft.ts";
import { newDraft, remark } from "./draft.ts";
import { anchorProgram, isLauncher, takeCommand } from "./launch.ts";
import { takeUserAndGroup } from "./limiters.ts";
import { nameFromProgram } from "./names.ts";
import { baseOf, directoryOf, isAbsolute, resolveFrom } from "./paths.ts";
import { declaredBy } from "./script-declared.ts";
import { commandLines } from "./script-lines.ts";
import type { Surroundings } from "./script-surroundings.ts";
import { isTold, newSurroundings, settleSurroundings, takeRights, takeSurroundings } from "./script-surroundings.ts";
import { bindsItself } from "./self-binders.ts";
import { tellRedirections } from "./shell-command.ts";
import { foldChildren, takeChildren } from "./spawners.ts";
import type { SimpleCommand } from "./words.ts";
import { splitShell, unknownField } from "./words.ts";

/** Follows assignments from top to bottom. Conditions and loops are not: each command counts as if it ran once. */
export function importScript(file: string, text: string, world: World): Imported {
  const run: Run = {
    world,
    variables: new Map(),
    exported: new Set(),
    unknown: new Set(),
    around: newSurroundings(),
    outer: [],
    remarks: [],
    apps: [],
  };
  runText(run, file, text, 0);
  addDeclared(run, file, text);
  return { apps: run.apps, remarks: run.remarks, differences };
}

const differences = [
  "spawn-fcgi starts its workers once; here a worker that dies is replaced, and the listener stays open.",
];

interface Run {
  readonly world: World;
  readonly variables: Map<string, string>;
  readonly exported: Set<string>;
  /** Variables in whose value something is missing. */
  readonly unknown: Set<string>;
  around: Surroundings;
  /** What was there before each `(` that is open: a subshell changes nothing behind its `)`. */
  readonly outer: Surroundings[];
  readonly remarks: Remark[];
  readonly apps: Draft[];
}

function runText(run: Run, file: string, text: string, depth: number): void {
  for (const { text: line, number, document, end } of commandLines(text)) {
    runLine(run, { file, line: number }, line, depth);
    if (!isPrinted(line)) tellDocument(run.remarks, file, document, end);
  }
}

/** A here-document of cat that goes to the terminal is only a text. */
function isPrinted(line: string): boolean {
  return /^\s*cat\b/.test(line) && !/\||>>?\s*[^\s&>]/.test(line);
}

/** What it becomes is a script of its own, or is read by another program. */
function tellDocument(remarks: Remark[], file: string, document: readonly string[], first: number): void {
  for (const [index, line] of document.entries()) {
    if (!starts(splitShell(line)?.words ?? [])) continue;
    const given = { origin: { file, line: first + index }, written: line.trim(), value: "" };
    remark(remarks, "lost", given, "a here-document is not followed: import the file that it becomes");
  }
}

/** Words before a command that only say when it runs. */
const keywords = new Set(["if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "return"]);

function runLine(run: Run, origin: Origin, line: string, depth: number): void {
  let rest = line;
  while (rest !== "") {
    const missing = new Set<string>();
    const command = splitShell(rest, (text, isQuoted) => expandPart(run, text, isQuoted, missing));
    if (command === undefined) return;
    const words = command.words.slice(
      Math.max(
        0,
        command.words.findIndex((word) => !keywords.has(word)),
      ),
    );
    const written = rest.slice(0, rest.length - command.rest.length).trim();
    runCommand(run, { origin, written, value: "" }, { ...command, words }, missing, depth);
    // What is left begins with an operator or with a comment: it gets shorter each time.
    const operators = command.rest.startsWith("#") ? command.rest : (/^[;&|<>()]+/.exec(command.rest)?.[0] ?? "");
    enterAndLeave(run, operators);
    rest = command.rest.slice(operators.length);
  }
}

/** A `)` without its `(` ends a pattern of a case. */
function enterAndLeave(run: Run, operators: string): void {
  if (operators.startsWith("#")) return;
  for (const char of operators) {
    if (char === "(") {
      run.outer.push(run.around);
      run.around = { ...run.around, rlimits: { ...run.around.rlimits } };
    } else if (char === ")") run.around = run.outer.pop() ?? run.around;
  }
}

function runCommand(
  run: Run,
  given: Given,
  { words, redirections }: SimpleCommand,
  missing: ReadonlySet<string>,
  depth: number,
): void {
  const [first = "", second = ""] = words;
  if (takeAssignments(run, words, missing)) return;
  if ((first === "." || first === "source") && depth < 4) readMore(run, given, second, depth);
  else {
    const isStart = starts(words);
    // `exec >>FILE 2>&1` holds for all that follows.
    if (isStart || (first === "exec" && words.length === 1)) tellRedirections(run.remarks, given, redirections);
    if (isStart) addApp(run, given, words, missing);
    else takeAround(run, given, words);
  }
}

/** The program of an init script that only says what is to be started. */
function addDeclared(run: Run, file: string, text: string): void {
  const declared = declaredBy(text, run.variables);
  const words = declared === undefined ? undefined : splitShell(declared.command)?.words;
  if (declared === undefined || words === undefined || !starts(words)) return;
  const given = { origin: { file, line: declared.line }, written: declared.command, value: "" };
  const before = run.apps.length;
  addApp(run, given, words, new Set());
  const draft = run.apps.at(before);
  if (draft === undefined) return;
  const { owner, directory } = declared;
  if (owner !== undefined && !draft.settings.has("user"))
    takeUserAndGroup(draft, { ...given, written: `user ${owner}`, value: owner });
  if (directory !== undefined && !draft.settings.has("cwd")) draft.settings.set("cwd", directory);
}

/** What stands around the programs changes them, too. */
function takeAround(run: Run, given: Given, words: readonly string[]): void {
  const isHeeded =
    takeSurroundings(run.around, given, words, run.remarks) || takeRights(run.apps, given, words, run.remarks);
  if (!isHeeded && isTold(words)) remark(run.remarks, "lost", given, "the import does not take this command over");
}

function addApp(run: Run, given: Given, words: readonly string[], missing: ReadonlySet<string>): void {
  const draft = newDraft("app", given);
  for (const name of missing)
    remark(run.remarks, "lost", given, `nobody says what $${name} is: what is missing counts as empty`);
  takeExported(run, draft);
  takeCommand(draft, given, words);
  settleSurroundings(draft, run.around);
  anchorProgram(draft, given, run.around.cwd);
  const [program] = (draft.settings.get("command") as readonly string[] | undefined) ?? [];
  if (program === undefined) {
    run.remarks.push(...draft.remarks);
    return;
  }
  dropForeign(draft, program);
  draft.name = nameFromProgram(program);
  if (!draft.settings.has("socket") && !draft.settings.has("port"))
    remark(draft.remarks, "changed", given, "no socket is named here: the app gets one in the runtime directory");
  foldChildren(draft);
  run.apps.push(draft);
}

/** An exported PHP_FCGI_CHILDREN means nothing to programs that are no PHP. */
function dropForeign(draft: Draft, program: string): void {
  if (!/php/i.test(program)) takeChildren(draft);
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
  return (
    isLauncher(words.flatMap((word) => word.split(/\s+/))) ||
    words.some((word, at) => bindsItself(baseOf(word), words.slice(at + 1)))
  );
}

/** Exported variables reach every program that is started behind them. */
function takeExported(run: Run, draft: Draft): void {
  const env = [...run.exported].flatMap((name) => {
    const value = run.variables.get(name);
    return value === undefined || name === "PATH" ? [] : [[name, value] as const];
  });
  if (env.length > 0) draft.settings.set("env", Object.fromEntries(env));
}

/** `A=1 B=2`, `export A=1`; false where it is another command. */
function takeAssignments(run: Run, words: readonly string[], missing: ReadonlySet<string>): boolean {
  const [first = ""] = words;
  const isDeclaration = /^(?:export|readonly|local|declare)$/.test(first);
  if (!isDeclaration && (words.length === 0 || !words.every((word) => /^[A-Za-z_]\w*=/.test(word)))) return false;
  for (const word of isDeclaration ? words.slice(1) : words) {
    const name = word.split("=")[0] ?? "";
    if (first === "export") run.exported.add(name);
    if (name === word || name === "") continue;
    run.variables.set(name, word.slice(name.length + 1));
    if (missing.size > 0) run.unknown.add(name);
    else run.unknown.delete(name);
  }
  return true;
}

function readMore(run: Run, given: Given, file: string, depth: number): void {
  const path = isAbsolute(file) ? file : resolveFrom(directoryOf(given.origin.file), file);
  const text = run.world.read(path);
  if (text === undefined) remark(run.remarks, "lost", given, "it cannot be read, and may set variables");
  else runText(run, path, text, depth + 1);
}

function expandPart(run: Run, text: string, isQuoted: boolean, missing: Set<string>): string {
  const unknown = new Set<string>();
  const value = expand(run, text, unknown);
  for (const name of unknown) missing.add(name);
  return value === "" && unknown.size > 0 && !isQuoted ? unknownField : value;
}

/** `$NAME`, `${NAME}`, `${NAME:-other}`, `${NAME:=other}`, `$@`. What a command other than echo would print is not known. */
function expand(run: Run, text: string, missing: Set<string>): string {
  const value = text.replace(
    /\u0000\$|\$[@*]|\$\{(\w+)(?::?([-=])((?:[^{}]|\{[^{}]*\})*))?\}|\$(\w+)|\$\{(?:[^{}]|\{[^{}]*\})*\}|\$\(\(?[^()]*\)?\)|`[^`]*`/g,
    (whole, braced?: string, operator?: string, word?: string, plain?: string) => {
      if (whole === "\u0000$") return "$";
      const echoed = /^\$\(\s*echo\s+([^()]*)\)$/.exec(whole)?.[1];
      if (echoed !== undefined) return expand(run, echoed, missing);
      const name = braced ?? plain;
      const known = name === undefined ? undefined : lookUpName(run, name, missing, operator, word);
      if (known === undefined || run.unknown.has(name ?? "")) missing.add(name ?? whole.replace(/^\$/, ""));
      return known ?? "";
    },
  );
  return value.replaceAll("\u0000", "");
}

/** What stands behind `-` and `=` is for variables that are not set, and is set by the latter. */
function lookUpName(
  run: Run,
  name: string,
  missing: Set<string>,
  operator?: string,
  word?: string,
): string | undefined {
  const known = run.variables.get(name);
  if (known !== undefined) return known;
  if (word === undefined) return run.world.variable(name);
  const value = expand(run, word.replace(/^(["'])(.*)\1$/, "$2"), missing);
  if (operator === "=") run.variables.set(name, value);
  return value;
}
