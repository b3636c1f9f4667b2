/** The answer to what is no request, or not yet: on the bare socket, for Node has nothing to answer it with. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FcgiPmError } from "../errors.ts";
import { failureOf } from "./failure.ts";

export function refuse(socket: Socket, error: FcgiPmError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, answer } = failureOf(error);
  const body = `${JSON.stringify(answer)}\n`;
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  socket.destroySoon();
}
