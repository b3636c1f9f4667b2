/** `fcgi-pm signal`. */
import { managerWith } from "./managers.ts";
import type { OrderOptions } from "./order.ts";
import { printJson, printLines } from "./terminal.ts";
import { parseCount, parseSignal } from "./words.ts";

/** Sends it to all workers of the app, or to one; `number` is as it was typed. */
export async function signal(
  app: string,
  name: string,
  number: string | undefined,
  options: OrderOptions,
): Promise<number> {
  const worker = parseCount("--worker", number);
  const request = { signal: parseSignal(name), ...(worker === undefined ? {} : { worker }) };
  const { client } = await managerWith(app, options.control);
  const answer = await client.command("/v1/apps/:app/signal", request, app);
  if (options.json === true) await printJson(answer);
  else
    await printLines(
      answer.workers.map(({ worker, pid }) => `${app}: ${answer.signal} sent to worker ${worker}, pid ${pid}`),
    );
  return 0;
}
