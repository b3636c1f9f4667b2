/** What stands in for the socket of an HTTP request: node:http writes its response here, and reads its body from here. */
import { Duplex } from "node:stream";
import type { Exchange } from "./application.ts";
import { Dechunker } from "./dechunker.ts";
import { readHttpHead } from "./http-head.ts";
import type { HttpRequestParts } from "./http-request.ts";
import type { Sent } from "./output.ts";

const endOfHead = "\r\n\r\n";

/**
 * An HTTP/1.1 response comes in by `write`, the head as a string at first. It goes out as a CGI response. The body of the request
 * does not pass through here: node:http calls `resume` when it wants more of it.
 */
export class HttpSocket extends Duplex {
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly encrypted: boolean;
  /** node:http does not say "finish" of a response whose socket had an error. */
  _hadError = false;
  onWanted: (() => void) | undefined;
  /** The peer takes more. */
  onFree: (() => void) | undefined;
  onIdle: (() => void) | undefined;
  /** The response or the request was destroyed. */
  onDestroyed: ((error: Error | null) => void) | undefined;
  readonly #exchange: Exchange;
  #hasHead = false;
  #dechunker: Dechunker | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(exchange: Exchange, parts: HttpRequestParts) {
    super();
    this.#exchange = exchange;
    this.remoteAddress = parts.remoteAddress;
    this.remotePort = parts.remotePort;
    this.localAddress = parts.localAddress;
    this.localPort = parts.localPort;
    this.encrypted = parts.isSecure;
  }

  get waitingBytes(): number {
    return this.#exchange.output.waitingBytes;
  }

  get remoteFamily(): string | undefined {
    return familyOf(this.remoteAddress);
  }

  get localFamily(): string | undefined {
    return familyOf(this.localAddress);
  }

  address(): object {
    return { address: this.localAddress, family: this.localFamily, port: this.localPort };
  }

  override write(data: string | Uint8Array, encoding?: BufferEncoding | Sent | null, sent?: Sent | null): boolean {
    const told = typeof encoding === "function" ? encoding : (sent ?? undefined);
    const coding = typeof encoding === "string" ? encoding : "utf8";
    this.#timer?.refresh();
    const isFree =
      !this.#hasHead && typeof data === "string"
        ? this.#takeHead(data, coding, told)
        : this.#writeBody(typeof data === "string" ? Buffer.from(data, coding) : data, told);
    if (!isFree) this.#exchange.output.whenFree(() => this.onFree?.());
    return isFree;
  }

  /** What is written goes out with the turn in any case. */
  override cork(): void {}
  override uncork(): void {}

  /** The request wants more of its body. */
  override resume(): this {
    this.onWanted?.();
    return this;
  }

  override pause(): this {
    return this;
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: BufferEncoding, callback: Sent): void {
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#timer);
    this._hadError ||= error !== null;
    this.onDestroyed?.(error);
    callback(null);
  }

  destroySoon(): void {
    this.destroy();
  }

  setTimeout(timeoutMs: number, callback?: () => void): this {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (callback !== undefined) this.once("timeout", callback);
    if (timeoutMs > 0 && !this.destroyed) this.#timer = setTimeout(() => this.onIdle?.(), timeoutMs).unref();
    return this;
  }

  /** Something has come for the request. */
  touch(): void {
    this.#timer?.refresh();
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Interim heads are swallowed: the web server has told the browser what is to be told (RFC 3875, 6.3.3). */
  #takeHead(data: string, encoding: BufferEncoding, sent: Sent | undefined): boolean {
    const end = data.indexOf(endOfHead) + endOfHead.length;
    const head = readHttpHead(data.slice(0, end));
    if (head.isInformational) {
      if (sent !== undefined) process.nextTick(sent);
      return true;
    }
    this.#hasHead = true;
    if (head.isChunked) this.#dechunker = new Dechunker();
    const bytes = Buffer.from(head.cgi, "latin1");
    if (end === data.length) return this.#exchange.output.write(bytes, sent);
    this.#exchange.output.write(bytes);
    return this.#writeBody(Buffer.from(data.slice(end), encoding), sent);
  }

  #writeBody(bytes: Uint8Array, sent: Sent | undefined): boolean {
    const { output } = this.#exchange;
    if (this.#dechunker === undefined) return output.write(bytes, sent);
    for (const piece of this.#dechunker.push(bytes)) output.write(piece);
    return output.write(new Uint8Array(0), sent);
  }
}

function familyOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  return address.includes(":") ? "IPv6" : "IPv4";
}

/** What has been written and not been sent. A property of Duplex, by its types. */
Object.defineProperty(HttpSocket.prototype, "writableLength", {
  get(this: HttpSocket): number {
    return this.waitingBytes;
  },
});
