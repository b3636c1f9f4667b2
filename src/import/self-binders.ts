/** Programs that can make their own socket: here the manager makes it, so those flags become keys. */
import { setPort, setSocket } from "./addresses.ts";
import type { Draft, Given } from "./draft.ts";
import { remark } from "./draft.ts";
import { baseOf } from "./paths.ts";
import { readInteger } from "./rules.ts";
import { multiplyProcesses } from "./spawners.ts";

const made = "fcgi-pm makes the socket and hands it over as file descriptor 0";

/** php-cgi, php-cgi8.2, php8.2-cgi, php-fcgi. */
export function isPhpCgi(name: string): boolean {
  return /^php(?:-f?cgi[\d.]*|[\d.]+-cgi)$/.test(name);
}

/** Does this command line make a listener, by itself or for another program? */
export function makesListener([program = "", ...args]: readonly string[]): boolean {
  const name = baseOf(program);
  if (name === "spawn-fcgi") return args.some((arg) => /^-[a-zA-Z]*[sp]/.test(arg));
  return name === "cgi-fcgi" ? args.includes("-connect") : bindsItself(name, args);
}

/** Is it told to make a socket? */
export function bindsItself(name: string, args: readonly string[]): boolean {
  if (isPhpCgi(name)) return args.some((arg) => /^(?:-b|--bindpath)/.test(arg));
  return name === "fcgiwrap" && args.some((arg) => /^-s/.test(arg));
}

/** `php-cgi -b ADDRESS`, also `--bindpath ADDRESS`. Gives the other arguments. */
export function takePhpCgi(draft: Draft, given: Given, args: readonly string[]): string[] {
  return without(args, /^(?:-b|--bindpath)$/, /^-b(?=.)|^--bindpath=/, (address) => {
    takeAddress(draft, { ...given, written: `php-cgi -b ${address}`, value: address });
  });
}

/** `/path`, `:9000`, `host:9000`, `9000`. */
function takeAddress(draft: Draft, given: Given): void {
  const match = /^(?:(?<host>.*):)?(?<port>\d+)$/.exec(given.value);
  if (match === null) setSocket(draft, given.value);
  else setPort(draft, given, match.groups?.["host"] ?? "", match.groups?.["port"] ?? "");
  remark(draft.remarks, "same", given, made);
}

/** `fcgiwrap -s unix:/path -c N`; -f (stderr to the log) and -p (allowed scripts) stay its own. */
export function takeFcgiwrap(draft: Draft, given: Given, args: readonly string[]): string[] {
  const rest = without(args, /^-s$/, /^-s(?=.)/, (url) =>
    takeFcgiwrapUrl(draft, { ...given, written: `fcgiwrap -s ${url}`, value: url }),
  );
  return without(rest, /^-c$/, /^-c(?=.)/, (number) => {
    const children = readInteger(number, 1, 10_000);
    const word = { ...given, written: `fcgiwrap -c ${number}` };
    if (children === undefined) remark(draft.remarks, "lost", word, "that is no number of processes");
    else multiplyProcesses(draft, children);
  });
}

function takeFcgiwrapUrl(draft: Draft, given: Given): void {
  const tcp = /^tcp6?:(.*):(\d+)$/.exec(given.value);
  if (tcp !== null) setPort(draft, given, tcp[1] ?? "", tcp[2] ?? "");
  else setSocket(draft, given.value.replace(/^unix:/, ""));
  remark(draft.remarks, "same", given, made);
}

/** libfcgi's `cgi-fcgi -start -connect ADDRESS PROGRAM [N]`. Gives the program. */
export function takeCgiFcgi(draft: Draft, given: Given, args: readonly string[]): readonly string[] | undefined {
  if (!args.includes("-start")) return undefined;
  const rest = without(
    args.filter((word) => word !== "-start"),
    /^-connect$/,
    /^$/,
    (address) => {
      const word = { ...given, written: `cgi-fcgi -connect ${address}`, value: address };
      const tcp = /^(.*):(\d+)$/.exec(address);
      if (tcp === null) setSocket(draft, address);
      else setPort(draft, word, tcp[1] ?? "", tcp[2] ?? "");
    },
  );
  const number = readInteger(rest.at(-1) ?? "", 1, 10_000);
  if (number === undefined || rest.length < 2) return rest;
  multiplyProcesses(draft, number);
  return rest.slice(0, -1);
}

/** The arguments but for one flag, whose value is handed over, whether it stands apart or not. */
function without(args: readonly string[], apart: RegExp, joined: RegExp, found: (value: string) => void): string[] {
  const rest: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? "";
    if (word === "--") return [...rest, ...args.slice(at)];
    if (apart.test(word)) {
      at += 1;
      found(args[at] ?? "");
    } else if (joined.test(word)) found(word.replace(joined, "").replace(/^=/, ""));
    else rest.push(word);
  }
  return rest;
}
