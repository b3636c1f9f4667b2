/** How each manager is told to replace all workers of a program. */
import { type Contestant, contestants, controlOf, type Manager, type Name, supervisorConfigOf } from "./contestants.ts";
import { gauge } from "./gauge.ts";
import { fcgiPm } from "./places.ts";

/** A manager, and a command that makes it replace all of its workers; its end is not always that of the replacement. */
export interface Reloader {
  readonly name: string;
  readonly missing: readonly string[];
  readonly isSlow: boolean;
  readonly contestant: Contestant;
  command(manager: Manager): string[];
}

export const workers = 4;

/** Asks once, through the control socket. */
export function reloadByControl({ socket }: Pick<Manager, "socket">): string[] {
  const body = '{"all":true}';
  const head = ["POST /v1/reload HTTP/1.1", "Host: localhost", "Connection: close", `Content-Length: ${body.length}`];
  return [gauge(), "http", controlOf(socket), "1", `${head.join("\r\n")}\r\n\r\n${body}`];
}

function reloadByCommand({ socket }: Manager): string[] {
  return [process.execPath, fcgiPm, "reload", "--all", "--control", controlOf(socket)];
}

/** To every worker at once: neither multiwatch nor the loop have a word for it. */
const signalWorkers = ({ pid }: Manager) => ["pkill", "-TERM", "-P", String(pid)];

const supervisorctl = (socket: string, word: string) => `supervisorctl -c ${supervisorConfigOf(socket)} ${word}`;
const restartAll = ({ socket }: Manager) => ["sh", "-c", supervisorctl(socket, "restart all")];
/** `restart` with several names stops all of them before it starts the first: one by one takes a command for each. */
const restartEach = ({ socket }: Manager) => {
  const numbers = Array.from({ length: workers }, (_, number) => number);
  return ["sh", "-c", numbers.map((number) => supervisorctl(socket, `restart echo:${number}`)).join(" && ")];
};

function reloader(of: Name, name: string, command: Reloader["command"], isSlow = false): Reloader {
  const contestant = contestants.find((one) => one.name === of);
  if (contestant === undefined) throw new Error(`Nobody is called ${of}`);
  return { name, missing: contestant.missing, isSlow, contestant, command };
}

const byWorkers = [
  reloader("spawn-fcgi + multiwatch", "spawn-fcgi + multiwatch", signalWorkers),
  reloader("bare Node loop", "bare Node loop", signalWorkers),
];
const bySupervisor = [
  reloader("supervisord", "supervisord, one by one", restartEach, true),
  reloader("supervisord", "supervisord, all", restartAll, true),
];

/** fcgi-pm is told by a client that is already running, which takes nothing from the two cores. */
export const reloaders = [reloader("fcgi-pm", "fcgi-pm", reloadByControl), ...byWorkers, ...bySupervisor];

/** Whole commands, as somebody types them. */
export const reloadCommands = [reloader("fcgi-pm", "fcgi-pm", reloadByCommand), ...byWorkers, ...bySupervisor];
