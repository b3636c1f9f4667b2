/** Units of systemd that start FastCGI programs, by spawn-fcgi and its like or with a `.socket` beside them, to apps. */

import { setPort, setSocket, setSocketOwner } from "./addresses.ts";
import type { Draft, Given, Imported, Remark, World } from "./draft.ts";
import { envOf, newDraft, remark } from "./draft.ts";
import { anchorProgram, takeCommand } from "./launch.ts";
import { lookUp } from "./look-up.ts";
import { nameFrom, nameFromProgram } from "./names.ts";
import { baseOf, directoryOf } from "./paths.ts";
import { lost } from "./rules.ts";
import { foldChildren } from "./spawners.ts";
import { settleEnvironment, takeEnvFile } from "./systemd-environment.ts";
import { serviceOptions, socketOptions, takeOther } from "./systemd-options.ts";
import type { UnitLine } from "./systemd-unit.ts";
import { parseUnit, unitWords } from "./systemd-unit.ts";

interface FiledLine extends UnitLine {
  readonly file: string;
}

/** Reads a service with its drop-ins and its socket. A socket unit is read with the service of its name. */
export function importSystemd(file: string, text: string, world: World): Imported {
  const remarks: Remark[] = [];
  const isSocket = file.endsWith(".socket");
  const read = withoutReset([...fileLines(file, text), ...dropIns(file, world)]);
  const serviceFile = isSocket ? (namedBeside(file, read, "Socket", "Service") ?? siblingOf(file, "service")) : file;
  const service = isSocket ? readUnit(serviceFile, world) : read;
  const socket = isSocket ? read : readSocket(file, read, world);
  const own = service.some(({ section }) => section === "Socket") ? [] : socket;
  const start = service.findLast(
    ({ section, key, value }) => section === "Service" && key === "ExecStart" && value !== "",
  );
  if (start === undefined) {
    remark(
      remarks,
      "lost",
      { origin: { file, line: 1 }, written: baseOf(file) },
      "no ExecStart= is found: there is nothing to run",
    );
    return { apps: [], remarks, differences: [] };
  }
  return {
    apps: [readService(baseOf(serviceFile).replace(/\.service$/, ""), start, service, own, world)],
    remarks,
    differences,
  };
}

const differences = [
  "One service, that of fcgi-pm, takes the place of these units: fcgi-pm install makes it. Disable the old ones, sockets included.",
];

/** Where systemd looks for units, first what wins: `systemctl edit` puts a drop-in for a unit of a package below /etc. */
const places = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"].map((place) => `${place}/systemd/system`);

function placesBeside(file: string): readonly string[] {
  const directory = directoryOf(file);
  return places.includes(directory) ? places : [directory];
}

function readUnit(file: string, world: World): FiledLine[] {
  for (const place of placesBeside(file)) {
    const path = `${place}/${baseOf(file)}`;
    const text = world.read(path);
    if (text !== undefined) return withoutReset([...fileLines(path, text), ...dropIns(path, world)]);
  }
  return [];
}

/** The one that `Sockets=` names, or else that of the service's own name. */
function readSocket(file: string, service: readonly FiledLine[], world: World): FiledLine[] {
  const named = namedBeside(file, service, "Service", "Sockets");
  const socket = named === undefined ? [] : readUnit(named, world);
  return socket.length > 0 ? socket : readUnit(siblingOf(file, "socket"), world);
}

/** Where the first unit lies that the key names. */
function namedBeside(file: string, lines: readonly FiledLine[], section: string, key: string): string | undefined {
  const [name = ""] = lines.findLast((line) => line.section === section && line.key === key)?.value.split(/\s+/) ?? [];
  return name === "" ? undefined : `${directoryOf(file)}/${name}`;
}

function siblingOf(file: string, ending: string): string {
  return file.replace(/(?:\.(?:service|socket))?$/, `.${ending}`);
}

/** In the order of their names; of those with the same name the first place has the one that counts. */
function dropIns(file: string, world: World): FiledLine[] {
  const found = new Map<string, string>();
  for (const path of placesBeside(file).flatMap((place) => world.match(`${place}/${baseOf(file)}.d/*.conf`)))
    if (!found.has(baseOf(path))) found.set(baseOf(path), path);
  return [...found]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([, path]) => fileLines(path, world.read(path) ?? ""));
}

/** `Key=` with nothing behind it takes back what stands above it. */
function withoutReset(lines: readonly FiledLine[]): FiledLine[] {
  const reset = new Set<string>();
  const isKept = ({ section, key, value }: UnitLine) => {
    if (value === "" && (section === "Service" || section === "Socket")) reset.add(`${section} ${key}`);
    return !reset.has(`${section} ${key}`);
  };
  return lines.toReversed().filter(isKept).toReversed();
}

function fileLines(file: string, text: string): FiledLine[] {
  return parseUnit(text).map((line) => ({ ...line, file }));
}

/** One service while it is read. */
interface Reading {
  readonly draft: Draft;
  readonly unit: string;
  readonly world: World;
  /** Of the files of EnvironmentFile=. */
  readonly variables: Map<string, string>;
}

function readService(
  unit: string,
  start: FiledLine,
  service: readonly FiledLine[],
  socket: readonly FiledLine[],
  world: World,
): Draft {
  const draft = newDraft("app", givenOf(start, unit));
  const reading: Reading = { draft, unit, world, variables: new Map() };
  const isStart = ({ section, key }: UnitLine) => section === "Service" && key === "ExecStart";
  for (const line of service.filter((one) => !isStart(one))) takeLine(reading, line);
  tellSpecifiers(draft, givenOf(start, unit), start.value);
  takeStart(reading, givenOf(start, unit), socket.length > 0);
  for (const line of service.filter((one) => isStart(one) && one !== start && one.value !== ""))
    remark(draft.remarks, "lost", givenOf(line, unit), "an app has one command: make another app of this one");
  if (socket.length > 0) takeSocket(draft, socket, unit);
  draft.name = nameOf(unit, draft);
  if (unit.endsWith("@") && service.some(({ section, value }) => section === "Service" && /%[iI]/.test(value)))
    remark(
      draft.remarks,
      "changed",
      givenOf(start, unit),
      "of a template one instance is made, called 1: copy the app for others",
    );
  settleEnvironment(draft, reading.variables);
  foldChildren(draft);
  return draft;
}

/** `%h`, `%u`: systemd knows the user and the machine. */
function tellSpecifiers(draft: Draft, given: Given, written: string): void {
  const left = [...new Set(written.replaceAll("%%", "").match(/%[a-zA-Z]/g) ?? [])].filter(
    (one) => !lettersOfName.includes(one.slice(1)),
  );
  if (left.length > 0)
    remark(draft.remarks, "lost", given, `${left.join(", ")} is left as it is: write what systemd makes of it`);
}

function takeLine({ draft, unit, world, variables }: Reading, line: FiledLine): void {
  const given = givenOf(line, unit);
  if (line.section === "Service" && Object.hasOwn(serviceOptions, line.key)) tellSpecifiers(draft, given, line.value);
  const isService = line.section === "Service";
  if (isService && /^(?:User|Group)$/.test(line.key) && /%[iI]/.test(line.value) && unit.endsWith("@"))
    lost("it is the name of an instance: write the user or the group of this one")(draft, given);
  else if (isService && line.key === "TimeoutSec") {
    for (const key of ["TimeoutStopSec", "TimeoutStartSec"]) serviceOptions[key]?.(draft, given);
  } else if (isService && line.key === "EnvironmentFile") takeEnvFile(draft, given, world, variables);
  else ((isService ? lookUp(serviceOptions, line.key) : undefined) ?? takeOther(line.section))(draft, given);
}

/** A unit is called after its app, unless it is called after spawn-fcgi. */
function nameOf(unit: string, draft: Draft): string {
  const name = unit.replace(/@$/, "");
  const [program = name] = (draft.settings.get("command") as readonly string[] | undefined) ?? [];
  return /^(?:spawn-fcgi|multiwatch)$/.test(name) ? nameFromProgram(program) : nameFrom(name);
}

/** With the specifiers that a name is enough for. The others are told where they matter. */
function givenOf({ key, value, file, line }: FiledLine, unit: string): Given {
  return { origin: { file, line }, written: `${key}=${value}`, value: specify(value, unit) };
}

const lettersOfName = "iIpPnNtSCLE";

function specify(value: string, unit: string): string {
  const [prefix = "", instance = ""] = unit.split("@");
  const one = instance === "" ? "1" : instance;
  const known: Readonly<Record<string, string>> = {
    ...{ i: one, I: one, p: prefix, P: prefix, n: `${unit}.service`, N: unit },
    ...{ t: "/run", S: "/var/lib", C: "/var/cache", L: "/var/log", E: "/etc", "%": "%" },
  };
  return value.replace(/%([a-zA-Z%])/g, (whole, letter: string) => lookUp(known, letter) ?? whole);
}

/** `@`, `-`, `:`, `+` and `!` before the program change how systemd starts it. */
function takeStart(reading: Reading, given: Given, hasSocket: boolean): void {
  const { draft } = reading;
  const signs = /^[@\-:+!]*/.exec(given.value)?.[0] ?? "";
  const words = unitWords(given.value.slice(signs.length));
  if (words === undefined) {
    remark(draft.remarks, "lost", given, "a quote is not closed: write the command by hand");
    return;
  }
  const end = words.indexOf(";");
  if (end !== -1)
    remark(draft.remarks, "lost", given, 'an app has one command: make another app of what stands behind ";"');
  const first = end === -1 ? words : words.slice(0, end);
  const expanded = first.flatMap((word) => expandWord(reading, given, word));
  takeCommand(draft, given, signs.includes("@") ? [expanded[0] ?? "", ...expanded.slice(2)] : expanded);
  anchorProgram(draft, given, "/");
  if (!hasSocket && !draft.settings.has("socket") && !draft.settings.has("port")) {
    draft.settings.set("listen", false);
    remark(
      draft.remarks,
      "changed",
      given,
      "nobody makes a listener for it here, so it is a plain program: where it speaks FastCGI, take listen = false away",
    );
  }
  if (signs !== "") remark(draft.remarks, "changed", given, `"${signs}" before the program has no counterpart`);
}

/** `${NAME}` is a word or a part of one, `$NAME` alone becomes as many words as it has. */
function expandWord(reading: Reading, given: Given, word: string): string[] {
  const alone = /^\$(\w+)$/.exec(word)?.[1];
  if (alone !== undefined) return unitWords(look(reading, given, alone)) ?? [];
  return [
    word.replace(/\$\$|\$\{(\w+)\}/g, (whole, name: string | undefined) =>
      name === undefined ? whole.slice(1) : look(reading, given, name),
    ),
  ];
}

function look({ draft, variables }: Reading, given: Given, name: string): string {
  const value = variables.get(name) ?? lookUp(envOf(draft), name);
  if (value === undefined)
    remark(
      draft.remarks,
      "lost",
      given,
      `nobody says in the unit what $${name} is: it counts as empty; write its value from the EnvironmentFile`,
    );
  return value ?? "";
}

function takeSocket(draft: Draft, socket: readonly FiledLine[], unit: string): void {
  const get = (key: string) => socket.findLast((line) => line.section === "Socket" && line.key === key)?.value;
  const streams = socket.filter(({ section, key }) => section === "Socket" && key === "ListenStream");
  for (const [index, line] of streams.entries()) {
    const given = givenOf(line, unit);
    if (index === 0) listenOn(draft, given);
    else remark(draft.remarks, "lost", given, "an app has one listener: make another app for this one");
  }
  const isUnix = draft.settings.has("socket");
  // systemd's default, which is not ours.
  if (isUnix) draft.settings.set("socket-mode", "0666");
  if (isUnix) setSocketOwner(draft, get("SocketUser"), get("SocketGroup"));
  for (const line of socket) {
    if (["ListenStream", "SocketUser", "SocketGroup"].includes(line.key)) continue;
    const rule = line.section === "Socket" ? lookUp(socketOptions, line.key) : undefined;
    (rule ?? takeOther(line.section))(draft, givenOf(line, unit));
  }
}

function listenOn(draft: Draft, given: Given): void {
  if (!/^(?:\/|\d+$|.*:\d+$)/.test(given.value) || given.value.startsWith("vsock:")) {
    const why = given.value.startsWith("@")
      ? "a socket has a path here, where this is a name without one: write socket by hand, and tell the web server"
      : "a Unix socket by its path or a TCP port is expected: write socket or port by hand";
    remark(draft.remarks, "lost", given, why);
    return;
  }
  const tcp = /^(?:(.*):)?(\d+)$/.exec(given.value);
  if (tcp === null) setSocket(draft, given.value);
  else setPort(draft, given, tcp[1] ?? "[::]", tcp[2] ?? "");
}
