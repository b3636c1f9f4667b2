/** What every handler gets of its request, whatever its interface. Streams and maps are made when they are touched. */
import type { ReadableStream } from "node:stream/web";
import type { Exchange, RoleName } from "./application.ts";
import { streamOf } from "./input-stream.ts";
import type { Pair } from "./wire/params.ts";
import { toBytes } from "./wire/text.ts";

export class RequestSide {
  readonly #exchange: Exchange;
  #data: ReadableStream<Buffer> | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get params(): Map<string, string> {
    return this.#exchange.params;
  }

  get rawParams(): readonly Pair[] {
    return this.#exchange.rawParams;
  }

  get role(): RoleName {
    return this.#exchange.role;
  }

  get signal(): AbortSignal {
    return this.#exchange.signal;
  }

  get data(): ReadableStream<Buffer> | undefined {
    const { data } = this.#exchange;
    if (data !== undefined) this.#data ??= streamOf(data);
    return this.#data;
  }

  /** A property, so that `({ stderr }) => stderr("…")` works. */
  readonly stderr = (text: string): void => this.#exchange.output.writeStderr(toBytes(text));
}
