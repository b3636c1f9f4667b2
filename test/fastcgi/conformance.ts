/** What the conformance tests share: servers on both transports, and peers that are judged when their test ends. */
import { join } from "node:path";
import { afterEach, expect } from "@jest/globals";
import type { Address } from "../../src/fastcgi/address.ts";
import type { FastCgiError } from "../../src/fastcgi/errors.ts";
import { respond } from "../../src/index.ts";
import { until } from "../helpers/wait.ts";
import { makeDirectory, Undo } from "./peers.ts";
import { RawPeer } from "./raw-peer.ts";

export type Handler = Parameters<typeof respond>[0];
export type Options = NonNullable<Parameters<typeof respond>[1]>;
export type Request = Parameters<Handler>[0];
export type Transport = "unix" | "tcp";

/** For `describe.each`: what the wire demands is the same on both. */
export const transports: readonly Transport[] = ["unix", "tcp"];

/** A responder in this process. */
export interface Served {
  readonly listen: Address;
  /** What it said its peers did wrong. */
  readonly problems: FastCgiError[];
  /** A new connection. */
  peer(): RawPeer;
}

/** Servers and peers for the tests of a file. After each test no peer may have got what the specification forbids. */
export function useServers() {
  const undo = new Undo();
  const peers: RawPeer[] = [];
  afterEach(async () => {
    await undo.all();
    expect(peers.splice(0).flatMap(({ violations }) => violations)).toEqual([]);
  });
  const peerOf = (listen: Address): RawPeer => {
    const peer = new RawPeer(listen, undo);
    peers.push(peer);
    return peer;
  };
  async function start(handler: Handler, options: Options = {}, transport: Transport = "unix"): Promise<Served> {
    const problems: FastCgiError[] = [];
    const path = join(makeDirectory(undo), "app.sock");
    const where = transport === "unix" ? { path } : { port: 0 };
    const onProblem = (error: FastCgiError) => problems.push(error);
    const server = await respond(handler, { ...where, onProblem, lingerMs: 200, ...options });
    undo.add(() => server.stop());
    const listen = server.address ?? { kind: "unix", path };
    return { listen, problems, peer: () => peerOf(listen) };
  }
  return { start, undo, peerOf };
}

/** Waits for a condition that must come true soon. */
export async function soon(what: string, condition: () => boolean): Promise<void> {
  await until(condition, { what, timeoutMs: 20_000, everyMs: 2 });
}

/** A promise and the key to it. */
export function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Answers with the body it got. */
export const echo: Handler = async ({ body }) => ({ body: await readAll(body) });

/** Answers with its parameters, as pairs in the order they came, and its body. */
export const mirror: Handler = async ({ rawParams, body }) => ({
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ params: rawParams, body: (await readAll(body)).toString("latin1") }),
});

export interface Mirrored {
  readonly params: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Reads what `mirror` answered. */
export function mirrored(answer: { readonly body: string }): Mirrored {
  return JSON.parse(Buffer.from(answer.body, "latin1").toString()) as Mirrored;
}
