/** From the command to the first answer. */
import { aloneCommand } from "./contestants.ts";
import { measure } from "./gauge.ts";
import { freshSocket } from "./places.ts";
import { inRounds } from "./rounds.ts";
import { median, type Result, summary } from "./table.ts";

const workers = 4;
const most = 1.6;

async function first(command: (socket: string) => string[]): Promise<number> {
  const socket = freshSocket();
  const [ms = Number.NaN] = await measure("first", socket, ...command(socket));
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
    first((socket) => who.command(workers, socket)),
  );
  const own = samples.get("fcgi-pm") ?? [];
  // Round by round: what slows the machine slows both.
  const value = median(own.map((ms, round) => ms / ((node[round] ?? 0) + (alone[round] ?? 0))));
  const row = {
    metric: "command to first answer, ms",
    samples,
    ratio: { value, to: "(`node -e 0` + worker)" },
    target: `<= ${most} ×`,
    reached: value <= most,
  };
  const note = `Measured in the same rounds: \`node -e 0\` ${summary(node)} ms, a worker alone (spawn-fcgi) ${summary(alone)} ms.`;
  return { rows: [row], notes: [note] };
}
