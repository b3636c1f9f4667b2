/** Our responder against npm's node-fastcgi, and against Node's own HTTP server behind the same nginx: requests a second. */
import { measure } from "./gauge.ts";
import { lacking } from "./installed.ts";
import { pathBehind, type Site, startNginx, startResponder } from "./responder-sites.ts";
import { inTurns, type Samples } from "./rounds.ts";
import { type Column, median, type Result, type Row, type Table } from "./table.ts";

const connections = 16;
const seconds = 0.6;
const rounds = 7;
const uploadBytes = 65_536;

/** What is asked for, and how: the gauge's own words. */
const tasks = [
  { name: "small answers", uri: "/", body: 0 },
  { name: "answers of 64 KiB", uri: "/large", body: 0 },
  { name: "uploads of 64 KiB", uri: "/upload", body: uploadBytes },
] as const;

const ours = "fcgi-pm";
const peers: readonly Column[] = [
  { name: ours, missing: [] },
  { name: "node-fastcgi", missing: [] },
  { name: "node:http", missing: lacking("nginx") },
];

const table: Table = {
  title: "The responder",
  about:
    `Requests a second of one Node process, ${connections} connections. Alone: over FastCGI, a connection for each request, since node-fastcgi keeps none. ` +
    "Behind nginx: by `fastcgi_pass` to ours and by `proxy_pass` to Node's own `http` server, over Unix sockets, first with a connection for each request, then with kept ones.",
  columns: peers,
};

export async function measureResponder(): Promise<Result> {
  const sites = await Promise.all(peers.map(({ name }) => startResponder(name)));
  const nginx =
    lacking("nginx").length === 0 ? await startNginx(sites.filter(({ name }) => name !== "node-fastcgi")) : undefined;
  try {
    const rows: Row[] = [];
    for (const task of tasks) rows.push(await compareAlone(task, sites));
    for (const how of nginx === undefined ? [] : (["new", "kept"] as const)) {
      for (const task of tasks) rows.push(await compareBehind(task, nginx, how));
    }
    return { table, rows };
  } finally {
    await Promise.all([...sites, ...(nginx === undefined ? [] : [nginx])].map(({ stop }) => stop()));
  }
}

type Task = (typeof tasks)[number];

async function compareAlone(task: Task, sites: readonly Site[]): Promise<Row> {
  const entrants = sites.filter(({ name }) => name !== "node:http").map((site) => ({ ...site, isSlow: false }));
  const samples = await inTurns(entrants, { count: rounds }, ({ socket }) =>
    perSecond("fastcgi", socket, task, task.uri),
  );
  return { metric: `${task.name}, alone`, samples, ...compared(samples, "node-fastcgi", 2) };
}

async function compareBehind(task: Task, nginx: Site | undefined, how: "new" | "kept"): Promise<Row> {
  const entrants = [ours, "node:http"].map((name) => ({ name, isSlow: false }));
  const samples = await inTurns(entrants, { count: rounds }, ({ name }) =>
    perSecond("http", nginx?.socket ?? "", task, pathBehind(how, name, task.uri)),
  );
  const metric = `${task.name}, behind nginx, ${how === "new" ? "new connections" : "kept connections"}`;
  return { metric, samples, ...compared(samples, "node:http", 0.8) };
}

async function perSecond(kind: string, socket: string, { body }: Task, uri: string): Promise<number> {
  const [figure = Number.NaN] = await measure("volume", kind, socket, connections, seconds, body, uri);
  return figure;
}

/** Round by round: what slows the machine slows both. */
function compared(samples: Samples, to: string, least: number): Pick<Row, "ratio" | "target" | "reached"> {
  const others = samples.get(to) ?? [];
  const value = median((samples.get(ours) ?? []).map((own, round) => own / (others[round] ?? Number.NaN)));
  return { ratio: { value, to }, target: `≥ ${least.toFixed(1)} × ${to}`, reached: value >= least };
}
