/** One zod schema for each kind of value: from what TOML says to what an App holds, or a complaint in words. */

import type { ZodMiniType } from "zod/mini";
import {
  array,
  boolean,
  enum as choice,
  gte,
  int,
  lte,
  minLength,
  number,
  pipe,
  record,
  regex,
  string,
  transform,
  union,
} from "zod/mini";
import { parseDuration, parseMode, parseSize } from "../units.ts";
import type { Address } from "./address.ts";
import { parseIp } from "./address.ts";
import type { ExitOn, LogFormat, Owner, RlimitName, StopSignal } from "./app.ts";
import { exitReasons, logFormats, rlimitNames, stopSignals } from "./app.ts";
import type { Complain } from "./complain.ts";
import {
  complainOfCommand,
  complainOfDuration,
  complainOfEnvName,
  complainOfEnvValue,
  complainOfInteger,
  complainOfMode,
  complainOfPort,
  complainOfRemotePort,
  complainOfScriptName,
  complainOfSize,
  expected,
  expectedStrings,
  oneOf,
} from "./complain.ts";
import type { Key, Kind } from "./keys.ts";
import { parseAddress, parseCommand, parseLimit, parseOwner, parseRemoteAddress } from "./parse-value.ts";

export type Rlimits = Partial<Record<RlimitName, number | "unlimited">>;

/** What a checked value of each kind is. */
export interface Outputs {
  readonly command: [string, ...string[]];
  readonly wsgi: string;
  readonly program: string;
  readonly "script-name": string;
  readonly path: string;
  readonly paths: string[];
  readonly port: Address;
  readonly "remote-port": Address;
  readonly boolean: boolean;
  readonly integer: number;
  readonly mode: number;
  readonly owner: Owner;
  readonly account: string;
  readonly env: Record<string, string>;
  readonly "env-names": string[];
  readonly addresses: string[];
  readonly duration: number;
  readonly size: number;
  readonly signal: StopSignal;
  readonly drain: "idle" | "signal";
  readonly rlimits: Rlimits;
  readonly "log-format": LogFormat;
  readonly "exit-on": ExitOn;
  readonly patterns: string[];
}

type Builders = { readonly [K in Kind]: (key: Key) => ZodMiniType<Outputs[K]> };

const envName = /^[A-Za-z_][A-Za-z0-9_]*$/;
// A NUL ends every string that the kernel takes.
const anyText = /^[^\u0000]*$/;
// A module or a file, and behind the first colon a name, perhaps with dots or as a call. No word that begins with - is a name.
const wsgiName = /^[^\s\u0000:-][^\u0000:]*(?::[^\s\u0000][^\u0000]*)?$/;
const scriptName = /^(?:\/[^\u0000]*[^/\u0000])?$/;
const someText = /^[^\u0000]+$/;

const builders: Builders = {
  command: buildCommand,
  wsgi: () => buildPlain(wsgiName, expected('a module and a name in it such as "yourapplication:app"')),
  program: () =>
    buildPlain(someText, expected('an interpreter such as "python3.11", or the directory of a virtualenv')),
  "script-name": () => buildPlain(scriptName, complainOfScriptName),
  path: () => buildPlain(someText, expected('a path such as "/srv/app"')),
  paths: () => buildStrings(expectedStrings('a path or a list of paths such as ["/etc/app.env"]')),
  port: () => buildPort(parseAddress, complainOfPort),
  "remote-port": () => buildPort(parseRemoteAddress, complainOfRemotePort),
  boolean: () => boolean({ error: say(expected("true or false")) }),
  integer: buildInteger,
  mode: () => buildText(/^0?[0-7]{3}$/, parseMode, complainOfMode),
  owner: () =>
    buildText(
      /^(?:[^\s:\u0000]+(?::[^\s:\u0000]+)?|:[^\s:\u0000]+)$/,
      parseOwner,
      expected('"user", "user:group" or ":group" in a string'),
    ),
  account: () => buildPlain(/^[^\s:\u0000]+$/, expected('a name or a number in a string such as "www-data"')),
  env: buildEnv,
  "env-names": () => buildList(buildPlain(envName, complainOfEnvName), 'a list of names such as ["TZ", "PATH"]'),
  addresses: () =>
    buildList(
      buildText(/^[0-9A-Fa-f:.]+$/, parseIp, expected('an IP address such as "127.0.0.1" or "::1"')),
      'a list of IP addresses such as ["127.0.0.1"]',
    ),
  duration: buildDuration,
  size: buildSize,
  signal: buildSignal,
  drain: () => choice(["idle", "signal"], { error: say(expected('"idle" or "signal"')) }),
  rlimits: buildRlimits,
  "log-format": () => choice(logFormats, { error: say(expected(oneOf(logFormats))) }),
  "exit-on": () => choice(exitReasons, { error: say(expected(oneOf(exitReasons))) }),
  patterns: () => buildStrings(expectedStrings('a list of patterns such as ["conf.d/*.toml"]')),
};

const built = new Map<Key, ZodMiniType>();

/** The schema of a key's value. Built when it is first asked for: most starts name few keys. */
export function schemaOf<K extends Key>(key: K): ZodMiniType<Outputs[K["kind"]]> {
  const schema = built.get(key) ?? builders[key.kind](key);
  built.set(key, schema);
  return schema as ZodMiniType<Outputs[K["kind"]]>;
}

function buildCommand() {
  const error = say(complainOfCommand);
  const words = array(string({ error }).check(regex(anyText, { error }))).check(minLength(1, { error }));
  const either = union([words, string().check(regex(someText, { error }))], { error });
  return pipe(either, refined(parseCommand, complainOfCommand));
}

function buildPort(parse: (value: number | string) => Address | undefined, complain: Complain) {
  const error = say(complain);
  const port = number().check(int({ error }), gte(1, { error }), lte(65_535, { error }));
  const either = union([port, string().check(regex(/^(?:\S+:)?\d{1,5}$/, { error }))], { error });
  return pipe(either, refined(parse, complain));
}

function buildInteger(key: Key) {
  const [min, max] = [key.min ?? 0, key.max ?? Number.MAX_SAFE_INTEGER];
  const error = say(complainOfInteger(min, max));
  return number({ error }).check(int({ error }), gte(min, { error }), lte(max, { error }));
}

function buildDuration(key: Key) {
  const [min, max] = [key.min ?? 0, key.max ?? Number.MAX_SAFE_INTEGER];
  const parse = (text: string) => {
    const ms = parseDuration(text);
    return ms !== undefined && ms >= min && ms <= max ? ms : undefined;
  };
  return buildText(/^(?:0|\d+(?:\.\d+)?(?:ms|s|m|h|d))$/, parse, complainOfDuration(min, max));
}

function buildSize(key: Key) {
  const [min, max] = [key.min ?? 0, key.max ?? Number.MAX_SAFE_INTEGER];
  const complain = complainOfSize(min);
  const error = say(complain);
  const bytes = number({ error }).check(int({ error }), gte(min, { error }), lte(max, { error }));
  const parse = (value: number | string) => {
    const size = typeof value === "number" ? value : parseSize(value);
    return size !== undefined && size >= min && size <= max ? size : undefined;
  };
  const either = union([bytes, string({ error }).check(regex(/^\d+[KMGTkmgt]?$/, { error }))], { error });
  return pipe(either, refined(parse, complain));
}

function buildSignal() {
  const names = choice([...stopSignals, ...stopSignals.map((name) => `SIG${name}` as const)], {
    error: say(expected(oneOf(stopSignals))),
  });
  return pipe(
    names,
    transform((name) => name.replace(/^SIG/, "") as StopSignal),
  );
}

function buildEnv() {
  const text = buildPlain(anyText, complainOfEnvValue);
  return record(string().check(regex(envName)), text, {
    error: sayOfTable(complainOfEnvName, 'a table such as { LANG = "C" }'),
  });
}

function buildRlimits() {
  const complain = expected('a number, a size such as "1G", or "unlimited"');
  const error = say(complain);
  const size = string().check(regex(/^(?:unlimited|\d+[KMGTkmgt]?)$/, { error }));
  const limit = union([number().check(int({ error }), gte(0, { error })), size], { error });
  const name = string().check(regex(/^(?:nofile|core|as|nproc)$/));
  return record(name, pipe(limit, refined(parseLimit, complain)), {
    error: sayOfTable(expected(oneOf(rlimitNames)), "a table such as { nofile = 65536 }"),
  });
}

/** A string of a shape, taken as it is. */
function buildPlain(pattern: RegExp, complain: Complain) {
  const error = say(complain);
  return string({ error }).check(regex(pattern, { error }));
}

/** A string of a shape, parsed. */
function buildText<T>(pattern: RegExp, parse: (text: string) => T | undefined, complain: Complain) {
  return pipe(buildPlain(pattern, complain), refined(parse, complain));
}

function buildList<T extends ZodMiniType>(element: T, what: string) {
  return array(element, { error: say(expected(what)) });
}

/** A string or a list of strings, to a list. Every part of a union says the same: zod tells the part that came nearest. */
function buildStrings(complain: Complain) {
  const error = say(complain);
  const text = string({ error }).check(regex(someText, { error }));
  const either = union([text, array(text, { error })], { error });
  return pipe(
    either,
    transform((value: string | string[]) => (typeof value === "string" ? [value] : value)),
  );
}

/** The second half of a check: what has the right shape is parsed; undefined is a complaint. */
function refined<I, T>(parse: (value: I) => T | undefined, complain: Complain) {
  return transform((input: I, context): T => {
    const value = parse(input);
    if (value === undefined) context.issues.push({ code: "custom", input, message: complain(input) });
    return value as T;
  });
}

function say(complain: Complain) {
  return (issue: { readonly input?: unknown }) => complain(issue.input);
}

/** A table complains of a key's name, or of not being a table. */
function sayOfTable(complainOfName: Complain, table: string) {
  return (issue: { readonly code?: string; readonly input?: unknown }) =>
    issue.code === "invalid_key" ? complainOfName(issue.input) : expected(table)(issue.input);
}
