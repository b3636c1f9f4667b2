/** A web server's side of a kept connection: one request after the other, in whatever pieces the test wants. */
import type { Socket } from "node:net";
import { recordType } from "../../src/fastcgi/wire/constants.ts";
import { RecordDecoder } from "../../src/fastcgi/wire/decoder.ts";
import { beginRequest, endOfStream, params, stdin } from "../../src/fastcgi/wire/record.ts";
import type { Program } from "../helpers/programs.ts";
import { pause } from "../helpers/wait.ts";

/** `answered`; `left`: the connection ended before the first byte of an answer; `cut`: after it. */
export type Fate = "answered" | "left" | "cut";

export interface Question {
  readonly query?: string;
  /** How long the body is to be; absent: there is none. */
  readonly bodyBytes?: number;
}

/** What it does when it hears something while no request is under way: closes the connection, as nginx; or nothing, as Apache. */
export type Manner = "attentive" | "deaf";

export class KeptClient {
  readonly socket: Socket;
  readonly #program: Program;
  readonly #manner: Manner;
  readonly #decoder = new RecordDecoder();
  #text: Buffer[] = [];
  #isUnderWay = false;
  #hasEnd = false;
  #hasLeft = false;
  #settle: ((fate: Fate) => void) | undefined;

  constructor(socket: Socket, program: Program, manner: Manner = "attentive") {
    this.socket = socket;
    this.#program = program;
    this.#manner = manner;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("end", () => this.#leave());
    socket.on("close", () => this.#leave());
  }

  /** The body of the last answer, with its head. */
  get text(): string {
    return Buffer.concat(this.#text).toString("latin1");
  }

  get hasEnd(): boolean {
    return this.#hasEnd;
  }

  /** It has closed the connection itself, since it heard something while no request was under way. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** One whole request in one go, and its answer. */
  ask(question: Question = {}): Promise<Fate> {
    const body = Buffer.alloc(question.bodyBytes ?? 0, "b");
    return this.send(Buffer.concat([this.begin(question), ...stdin(1, body), this.end()]));
  }

  /** Sends the last bytes of a request and waits for its answer. */
  send(bytes: Uint8Array): Promise<Fate> {
    this.#text = [];
    const fate = new Promise<Fate>((resolve) => {
      this.#settle = resolve;
    });
    if (this.#hasEnd) this.#leave();
    else this.write(bytes);
    return fate;
  }

  /** Sends a piece of a request. */
  write(bytes: Uint8Array): void {
    this.#isUnderWay = true;
    this.socket.write(bytes);
  }

  /** BEGIN_REQUEST and PARAMS. */
  begin({ query = "", bodyBytes }: Question = {}): Buffer {
    const { scriptFilename } = this.#program;
    const pairs = {
      REQUEST_METHOD: bodyBytes === undefined ? "GET" : "POST",
      SERVER_PROTOCOL: "HTTP/1.1",
      REQUEST_URI: `/?${query}`,
      QUERY_STRING: query,
      ...(bodyBytes === undefined ? {} : { CONTENT_LENGTH: String(bodyBytes), CONTENT_TYPE: "text/plain" }),
      ...(scriptFilename === undefined ? {} : { SCRIPT_FILENAME: scriptFilename }),
    };
    return Buffer.concat([beginRequest(1, { role: 1, keepConnection: true }), ...params(1, Object.entries(pairs))]);
  }

  body(text: string): Buffer {
    return Buffer.concat([...stdin(1, Buffer.from(text))]);
  }

  end(): Uint8Array {
    return endOfStream(recordType.stdin, 1);
  }

  #receive(chunk: Buffer): void {
    for (const { type, content } of this.#decoder.push(chunk)) {
      if (!this.#isUnderWay && this.#manner === "attentive") {
        this.#hasLeft = true;
        this.#leave();
      }
      if (type === recordType.stdout) this.#text.push(Buffer.from(content));
      if (type === recordType.endRequest) this.#end();
    }
  }

  #end(): void {
    this.#isUnderWay = false;
    this.#tell("answered");
  }

  #leave(): void {
    this.#hasEnd = true;
    this.socket.destroy();
    this.#tell(this.#text.length === 0 ? "left" : "cut");
  }

  #tell(fate: Fate): void {
    this.#settle?.(fate);
    this.#settle = undefined;
  }
}

export interface Loop {
  /** `lost`: on a connection that was never used. */
  readonly fates: Record<Fate | "lost", number>;
  stop(): Promise<void>;
}

/**
 * Requests on one kept connection, with rests of all lengths up to this, so that they do not keep step with whoever looks
 * on. Where the connection has ended meanwhile, the next request goes to a new one.
 */
export function keepAsking(open: () => KeptClient, longestRestMs: number): Loop {
  const fates = { answered: 0, left: 0, cut: 0, lost: 0 };
  let isStopped = false;
  const run = async () => {
    let client = open();
    let used = false;
    while (!isStopped) {
      const fate = await client.ask();
      fates[fate === "left" && !used ? "lost" : fate] += 1;
      used = fate === "answered";
      await pause(Math.random() * longestRestMs);
      if (!client.hasEnd) continue;
      client = open();
      used = false;
    }
    client.socket.destroy();
  };
  const done = run();
  const stop = () => {
    isStopped = true;
    return done;
  };
  return { fates, stop };
}
