/** `fcgi-pm env`. */
import { assignment } from "../observe/assignment.ts";
import { managerWith } from "./managers.ts";
import type { OrderOptions } from "./order.ts";
import { printJson, printLines } from "./terminal.ts";
import { parseCount } from "./words.ts";

/** Prints the environment of a worker, in the kernel's order; `number` is as it was typed. */
export async function env(app: string, number: string | undefined, options: OrderOptions): Promise<number> {
  const worker = parseCount("--worker", number);
  const { client } = await managerWith(app, options.control);
  const answer = await client.env(app, worker);
  if (options.json === true) await printJson(answer);
  else await printLines(Object.entries(answer.env).map(([name, value]) => assignment(name, value)));
  return 0;
}
