/** Requests that are under way while something else happens, however slow the machine is. */
import { type Answer, request } from "../../src/fastcgi/client.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { until } from "./wait.ts";

/**
 * Sends a request that takes some time and waits until somebody is seen at it. Where it was answered before anybody looked,
 * another one follows that takes twice as long. Rejects with what a request rejected with that was not seen.
 */
export async function seeUnderWay<A>(
  send: (sleepMs: number) => Promise<A>,
  isSeen: () => boolean | Promise<boolean>,
  firstMs = 500,
): Promise<{ readonly answer: Promise<A> }> {
  for (let sleepMs = firstMs; ; sleepMs *= 2) {
    let isOver = false;
    const answer = send(sleepMs).finally(() => {
      isOver = true;
    });
    answer.catch(() => {});
    const look = async () => ((await isSeen()) ? "seen" : isOver && "over");
    if ((await until(look, { what: "a request that is under way", everyMs: 5 })) === "seen") return { answer };
    await answer;
  }
}

export interface HeldRequest {
  readonly answer: Promise<Answer>;
  /** Sends the end of the body. */
  finish(): void;
}

/** A request to a Unix socket that lasts as long as the test wants: half of its body is sent, the other half on demand. */
export function holdRequest(path: string): HeldRequest {
  let finish = () => {};
  const told = new Promise<void>((resolve) => {
    finish = resolve;
  });
  async function* body(): AsyncGenerator<Buffer> {
    yield Buffer.from("half");
    await told;
    yield Buffer.from("done");
  }
  const params = webServerParams({ uri: "/held", method: "POST", contentLength: 8 });
  const answer = request({ listen: { kind: "unix", path }, params, stdin: body(), timeoutMs: 240_000 });
  answer.catch(() => {});
  return { answer, finish };
}
