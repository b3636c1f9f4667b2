/** What every responder under measurement answers: a small text, 64 KiB, or how long the body was. */
import type { IncomingMessage, ServerResponse } from "node:http";

const small = "Hello, world\n";
const large = Buffer.alloc(65_536, "x");

export function answer(req: IncomingMessage, res: ServerResponse): void {
  if (req.url === "/upload") {
    let bytes = 0;
    req.on("data", (piece: Buffer) => {
      bytes += piece.length;
    });
    req.on("end", () => send(res, `${bytes}\n`));
  } else {
    send(res, req.url === "/large" ? large : small);
  }
}

function send(res: ServerResponse, body: string | Buffer): void {
  res.writeHead(200, { "Content-Type": "text/plain", "Content-Length": String(Buffer.byteLength(body)) });
  res.end(body);
}
