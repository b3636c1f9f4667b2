/** `npm run bench`: fcgi-pm and its peers in one run. `--only NAME` measures one thing, `--write` writes the page. */
import { readFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { measureAllKilled } from "./all-killed.ts";
import { measureChaos } from "./chaos.ts";
import { measureCrowd } from "./crowd.ts";
import { writePerformance } from "./document.ts";
import { measureFirstAnswer } from "./first-answer.ts";
import { measureIdle } from "./idle.ts";
import { discardScratch } from "./places.ts";
import { measureReload } from "./reload.ts";
import { measureIdleReload } from "./reload-idle.ts";
import { measurePhpReload } from "./reload-php.ts";
import { measureReplacement } from "./replacement.ts";
import { measureResponder } from "./responder.ts";
import { measureStatus } from "./status.ts";
import { markdown, type Result } from "./table.ts";
import { measureThroughput } from "./throughput.ts";

const metrics: Readonly<Record<string, () => Promise<Result>>> = {
  "first-answer": measureFirstAnswer,
  replacement: measureReplacement,
  "all-killed": measureAllKilled,
  crowd: measureCrowd,
  idle: measureIdle,
  throughput: measureThroughput,
  chaos: measureChaos,
  status: measureStatus,
  "reload-idle": measureIdleReload,
  reload: measureReload,
  "reload-php": measurePhpReload,
  responder: measureResponder,
};

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: "string" }, write: { type: "boolean", default: false } } });
  const wanted = Object.entries(metrics).filter(([name]) => values.only === undefined || name === values.only);
  if (wanted.length === 0) throw new Error(`--only takes one of: ${Object.keys(metrics).join(", ")}`);
  if (values.write && values.only !== undefined) throw new Error("--write needs the whole table: leave --only out");
  const [busy = 0] = loadavg();
  const results: Result[] = [];
  for (const [name, measure] of wanted) {
    process.stderr.write(`measuring ${name} … `);
    const from = performance.now();
    results.push(await measure());
    process.stderr.write(`${((performance.now() - from) / 1000).toFixed(0)} s\n`);
  }
  const table = markdown(results);
  process.stdout.write(`${table}\n`);
  if (values.write) writePerformance(`${description(busy)}\n\n${table}`);
}

/** The kind of machine, without a date. */
function description(busy: number): string {
  const system = /^PRETTY_NAME="(.*)"/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? process.platform;
  const machine = `${cpus().length} shared cores, ${system}, Node ${process.versions.node.split(".")[0]}`;
  return (
    `Made by \`npm run bench -- --write\` on ${machine}; load average ${busy.toFixed(1)} before the run, ${(loadavg()[0] ?? 0).toFixed(1)} after it. ` +
    "Each cell: median [least..most] (samples). The contestants take turns, round by round, with 4 workers of " +
    "`fixtures/apps/echo.c` on a Unix socket. The ratios of the first answer and of the requests a second are medians over the rounds."
  );
}

try {
  await main();
} finally {
  discardScratch();
}
