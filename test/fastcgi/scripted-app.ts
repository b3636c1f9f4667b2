/** An application that reads whole requests off a real socket, and answers as the test tells it to: by hand, record by record. */
import { chmodSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { recordType } from "../../src/fastcgi/wire/constants.ts";
import { RecordDecoder, type WireRecord } from "../../src/fastcgi/wire/decoder.ts";
import { decodePairs } from "../../src/fastcgi/wire/params.ts";
import { type BeginRequest, endRequest, readBeginRequest, stderr, stdout } from "../../src/fastcgi/wire/record.ts";
import { makeDirectory, type Undo } from "./peers.ts";

/** All that came of a request. */
export interface Heard {
  readonly begin: BeginRequest;
  /** As they came, doubles and all. */
  readonly pairs: readonly (readonly [name: string, value: string])[];
  readonly params: ReadonlyMap<string, string>;
  readonly stdin: Buffer;
  readonly data: Buffer;
}

export interface ScriptedApp {
  readonly path: string;
  /** Every request so far. */
  readonly heard: readonly Heard[];
}

/** Listens where every user may connect. Without a script it answers with its parameters, one a line. */
export async function scriptedApp(undo: Undo, script: (heard: Heard, socket: Socket) => unknown = tellParams) {
  const directory = makeDirectory(undo);
  chmodSync(directory, 0o755);
  const app: ScriptedApp & { heard: Heard[] } = { path: join(directory, "app.sock"), heard: [] };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const decoder = new RecordDecoder();
    const records: WireRecord[] = [];
    undo.add(() => socket.destroy());
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("data", (chunk) => {
      records.push(...decoder.push(chunk));
      if (!isComplete(records)) return;
      const heard = gather(records.splice(0));
      app.heard.push(heard);
      script(heard, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(app.path, resolve));
  chmodSync(app.path, 0o666);
  undo.add(() => new Promise((resolve) => server.close(resolve)));
  return app as ScriptedApp;
}

/** A filter's request ends with its data, any other with its stdin. */
function isComplete(records: readonly WireRecord[]): boolean {
  const begin = records[0] && readBeginRequest(records[0].content);
  const last = begin?.role === 3 ? recordType.data : recordType.stdin;
  return records.some(({ type, content }) => type === last && content.length === 0);
}

function gather(records: readonly WireRecord[]): Heard {
  const all = (type: number) =>
    Buffer.concat(records.filter((record) => record.type === type).map(({ content }) => content));
  const decoded = decodePairs(all(recordType.params));
  const begin = readBeginRequest(all(recordType.beginRequest));
  if (!decoded.ok || begin === undefined) throw new Error("The client has sent what is no request");
  const { pairs } = decoded;
  return { begin, pairs, params: new Map(pairs), stdin: all(recordType.stdin), data: all(recordType.data) };
}

function tellParams({ pairs }: Heard, socket: Socket): void {
  const lines = pairs.map(([name, value]) => `${name}=${value}\n`).join("");
  socket.end(answer(`Content-Type: text/plain\r\n\r\n${lines}`));
}

/** What an application sends to the end of a request. */
export function answer(
  text: string | Buffer,
  more: { stderr?: string; appStatus?: number; status?: number } = {},
): Buffer {
  const end = endRequest(1, { appStatus: more.appStatus ?? 0, protocolStatus: more.status ?? 0 });
  return Buffer.concat([...said(more.stderr ?? ""), ...stdout(1, Buffer.from(text)), end]);
}

/** Some of FCGI_STDERR. */
export function said(text: string): Uint8Array[] {
  return [...stderr(1, Buffer.from(text))];
}
