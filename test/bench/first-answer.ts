/** From the command to the first answer. */
import { aloneCommand } from "./contestants.ts";
import { measure } from "./gauge.ts";
import { freshSocket } from "./places.ts";
import { echo } from "./programs.ts";
import { inRounds } from "./rounds.ts";
import { median, type Result, summary } from "./table.ts";

const workers = 4;
const most = 1.6;

/** NaN where there is no such command. */
async function first(command: (socket: string) => string[] | undefined): Promise<number> {
  const socket = freshSocket();
  const words = command(socket);
  if (words === undefined) return Number.NaN;
  const [ms = Number.NaN] = await measure("first", socket, ...words);
  return ms;
}

export async function measureFirstAnswer(): Promise<Result> {
  const node: number[] = [];
  const alone: number[] = [];
  const beside = async () => {
    node.push((await measure("run", process.execPath, "-e", "0"))[0] ?? Number.NaN);
    alone.push(await first(aloneCommand));
  };
  const samples = await inRounds({ count: 25, slowEvery: 8, beside }, (who) =>
    first((socket) => who.command(workers, socket, echo())),
  );
  // Round by round: what slows the machine slows both.
  const ratios = (samples.get("fcgi-pm") ?? []).map((ms, round) => ms / ((node[round] ?? 0) + (alone[round] ?? 0)));
  const value = median(ratios);
  const row = {
    metric: "command to first answer, ms",
    samples,
    ...(Number.isNaN(value) ? {} : { ratio: { value, to: "(`node -e 0` + worker)" }, reached: value <= most }),
    target: `<= ${most} ×`,
  };
  return { rows: [row], notes: [noteOf(node, alone)] };
}

function noteOf(node: readonly number[], alone: readonly number[]): string {
  const worker = Number.isNaN(median(alone)) ? "not measured: spawn-fcgi is missing" : `${summary(alone)} ms`;
  return `Measured in the same rounds: \`node -e 0\` ${summary(node)} ms; one worker under nobody (spawn-fcgi) ${worker}.`;
}
