/** What `fcgi-pm request` writes to standard error: the records of the conversation, the program's stderr, how long it took. */
import { StringDecoder } from "node:string_decoder";
import { type Address, formatAddress } from "../fastcgi/address.ts";
import type { Timing } from "../fastcgi/errors.ts";
import { recordType } from "../fastcgi/wire/constants.ts";
import { RecordDecoder, type WireRecord } from "../fastcgi/wire/decoder.ts";
import { describePair, describeRecord } from "../fastcgi/wire/describe.ts";
import type { PairInput } from "../fastcgi/wire/params.ts";
import { paint } from "../observe/paint.ts";
import { visible } from "../observe/visible.ts";
import { oneLine } from "../observe/width.ts";
import { screenOf } from "./terminal.ts";

export interface AsideOptions {
  readonly silent?: true | undefined;
  readonly verbose?: true | undefined;
  readonly timing?: true | undefined;
}

/** Everything of one request that is not the answer. Whatever comes from the program is made harmless for a terminal. */
export class Aside {
  readonly #options: AsideOptions;
  readonly #startedAt = performance.now();
  readonly #sent = new RecordDecoder();
  readonly #colour = screenOf(process.stderr).colour;
  readonly #decoder = new StringDecoder();
  /** False inside a line of the program that has not ended. */
  #isAtLineStart = true;
  #areParamsTold = false;

  constructor(options: AsideOptions) {
    this.#options = options;
    // A reader who has gone does not end the request.
    process.stderr.on("error", () => {});
  }

  connected(listen: Address): void {
    this.#tell("*", `connected to ${formatAddress(listen)}`);
  }

  /** Of the parameters each is told on a line of its own, below the first record that has some of them. */
  sent(bytes: Uint8Array, params: Iterable<PairInput>): void {
    if (this.#options.verbose !== true) return;
    for (const record of this.#sent.push(bytes)) {
      this.#tell(">", describeRecord(record));
      if (record.type !== recordType.params || this.#areParamsTold) continue;
      this.#areParamsTold = true;
      for (const pair of params) this.#line(`              ${oneLine(describePair(pair))}`);
    }
  }

  received(record: WireRecord): void {
    this.#tell("<", describeRecord(record));
  }

  /** What the program wrote to FCGI_STDERR. */
  stderr(piece: Uint8Array): undefined {
    if (this.#options.silent !== true) this.#write(this.#decoder.write(Buffer.from(piece)));
  }

  /** After the last word of the program. */
  end(timing: Timing | undefined): void {
    this.#write(this.#decoder.end());
    this.endLine();
    if (timing === undefined || (this.#options.verbose ?? this.#options.timing) !== true) return;
    const { connectMs, firstByteMs, totalMs } = timing;
    const parts = [part("connect", connectMs), part("first byte", firstByteMs), part("total", totalMs)];
    this.#line(parts.filter((one) => one !== "").join(", "));
  }

  #write(text: string): void {
    if (text === "") return;
    process.stderr.write(paint(visible(text), "warning", this.#colour));
    this.#isAtLineStart = text.endsWith("\n");
  }

  #tell(mark: "*" | "<" | ">", text: string): void {
    if (this.#options.verbose !== true) return;
    const at = `${(performance.now() - this.#startedAt).toFixed(1)}ms`.padStart(9);
    this.#line(`${at} ${mark} ${oneLine(text)}`);
  }

  #line(text: string): void {
    this.endLine();
    process.stderr.write(`${paint(text, "dim", this.#colour)}\n`);
  }

  /** So that the answer does not begin in the middle of what the program said: PHP's words have no line end. */
  endLine(): void {
    if (!this.#isAtLineStart) process.stderr.write("\n");
    this.#isAtLineStart = true;
  }
}

function part(name: string, ms: number | undefined): string {
  return ms === undefined ? "" : `${name} ${ms.toFixed(1)}ms`;
}
