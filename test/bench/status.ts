/** How long it takes to ask a manager how its workers are: the question alone, and the whole command. */
import { setTimeout as pause } from "node:timers/promises";
import {
  contestants,
  controlOf,
  type Manager,
  type Name,
  present,
  startManager,
  supervisorConfigOf,
} from "./contestants.ts";
import { measure } from "./gauge.ts";
import { startLoad } from "./load.ts";
import { fcgiPm } from "./places.ts";
import { medianOf, type Result, type Row, ratioTo, type Table } from "./table.ts";

const mostMs = 20;
const mostWorkers = 100;
const connections = 32;
/** Answers of 10 ms leave the cores free, answers of no time at all do not. */
const loads = [
  ["loaded", "sleep=10"],
  ["all cores busy", ""],
] as const;
const questions = 20;
const commands = 5;
/** Until a manager has nothing more to do with the start of its workers. */
const restMs = 500;

/** What can be asked: multiwatch and a loop cannot. */
interface Asking {
  /** One HTTP request. */
  readonly question: string;
  command(socket: string): string[];
}

const info =
  "<?xml version='1.0'?><methodCall><methodName>supervisor.getAllProcessInfo</methodName><params/></methodCall>";

const asking: ReadonlyMap<Name, Asking> = new Map([
  [
    "fcgi-pm",
    {
      question: http("GET /v1/status"),
      command: (socket) => [process.execPath, fcgiPm, "status", "--json", "--control", controlOf(socket)],
    },
  ],
  [
    "supervisord",
    {
      question: http("POST /RPC2", info),
      command: (socket) => ["supervisorctl", "-c", supervisorConfigOf(socket), "status"],
    },
  ],
]);

function http(what: string, body = ""): string {
  const head = [`${what} HTTP/1.1`, "Host: localhost", "Connection: close", "Content-Type: text/xml"];
  return `${[...head, `Content-Length: ${body.length}`].join("\r\n")}\r\n\r\n${body}`;
}

const table: Table = {
  title: "Status",
  about:
    "A question is one HTTP request to the control socket on a new connection: `GET /v1/status`, or supervisord's `getAllProcessInfo`. " +
    "The command is `fcgi-pm status --json`, or `supervisorctl status`, from its start to its end. " +
    `Loaded: ${connections} connections in a closed loop ask for answers that take 10 ms; all cores busy: for answers that take no time. ` +
    "multiwatch and the bare loop cannot be asked.",
  columns: contestants.filter(({ name }) => asking.has(name)),
};

/** Milliseconds, by metric and by whose. */
type Figures = Map<string, Map<Name, number[]>>;

export async function measureStatus(): Promise<Result> {
  const figures: Figures = new Map();
  for (const workers of [4, mostWorkers]) {
    for (const who of present) {
      const asked = asking.get(who.name);
      if (asked === undefined) continue;
      const manager = await startManager(who, workers);
      try {
        await inquire(manager, asked, (metric, ms) => keep(figures, `${workers} workers: ${metric}`, who.name, ms));
      } finally {
        await manager.stop();
      }
    }
  }
  return { table, rows: [...figures].map(([metric, samples]) => rowOf(metric, samples)) };
}

async function inquire(manager: Manager, asked: Asking, tell: (metric: string, ms: number[]) => void): Promise<void> {
  const ask = (times: number) => measure("http", controlOf(manager.socket), times, asked.question);
  await pause(restMs);
  tell("the first question", await ask(1));
  tell("a question, idle", await ask(questions));
  for (const [state, query] of loads) {
    const load = await startLoad(manager.socket, connections, { query });
    try {
      tell(`a question, ${state}`, await ask(questions));
    } finally {
      await load.stop();
    }
  }
  const whole: number[] = [];
  while (whole.length < commands) whole.push(...(await measure("run", ...asked.command(manager.socket))));
  tell("the command, idle", whole);
}

function keep(figures: Figures, metric: string, name: Name, ms: number[]): void {
  const samples = figures.get(metric) ?? new Map<Name, number[]>();
  figures.set(metric, samples.set(name, ms));
}

/** Promised is what a machine with something to spare takes. */
const promised: readonly string[] = ["a question, idle", "a question, loaded"];

function rowOf(metric: string, samples: ReadonlyMap<Name, number[]>): Row {
  const row = { metric: `${metric}, ms`, samples, ...ratioTo(samples, "supervisord"), target: "" };
  if (!promised.some((end) => metric === `${mostWorkers} workers: ${end}`)) return row;
  return { ...row, target: `< ${mostMs}`, reached: medianOf(samples, "fcgi-pm") < mostMs };
}
