/**
 * What the kernel knows of sockets, by netlink (sock_diag(7)): which socket listens at a path, which connections a
 * listener has accepted. 0.05 ms a question. Where the kernel does not answer, the functions say undefined.
 */
import { closeSync } from "node:fs";
import { openSockDiag, receive, SystemCallError, send } from "./posix.ts";

const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const UDIAG_SHOW_VFS = 2;
const UNIX_DIAG_VFS = 1;
const INET_DIAG_REQ_BYTECODE = 1;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_TCP = 6;
const headerBytes = 16;

const stateBits = { listening: 1 << 10, connected: (1 << 1) | (1 << 4) | (1 << 5) | (1 << 8) } as const;

/** Connected: established, or closing on one side only. What is closed on both sides is nobody's request. */
export type SocketStates = keyof typeof stateBits;

/** The file a Unix socket is bound to, as lstat gives it. */
export interface BoundFile {
  readonly dev: number;
  readonly ino: number;
}

/** Inodes of the Unix sockets bound to this file: the listener, or the connections that were made through it. */
export function unixSocketsAt(file: BoundFile, states: SocketStates): number[] | undefined {
  const request = Buffer.alloc(24);
  request.writeUInt8(AF_UNIX, 0);
  request.writeUInt32LE(stateBits[states], 4);
  request.writeUInt32LE(UDIAG_SHOW_VFS, 12);
  return ask(request)
    ?.filter((answer) => isBoundTo(answer, file))
    .map((answer) => answer.readUInt32LE(4));
}

/** Inodes of the TCP sockets of this local port. */
export function tcpSocketsAt(family: "ipv4" | "ipv6", port: number, states: SocketStates): number[] | undefined {
  const request = Buffer.alloc(56 + 4 + 16);
  request.writeUInt8(family === "ipv4" ? AF_INET : AF_INET6, 0);
  request.writeUInt8(IPPROTO_TCP, 1);
  request.writeUInt32LE(stateBits[states], 4);
  request.writeUInt32LE(0xffffffff, 48);
  request.writeUInt32LE(0xffffffff, 52);
  request.writeUInt16LE(4 + 16, 56);
  request.writeUInt16LE(INET_DIAG_REQ_BYTECODE, 58);
  portFilter(port).copy(request, 60);
  return ask(request)
    ?.filter((answer) => answer.length >= 72)
    .map((answer) => answer.readUInt32LE(68))
    .filter((inode) => inode !== 0);
}

/** The filter "source port >= port and <= port" in the kernel's byte code (linux/inet_diag.h), 16 bytes. */
function portFilter(port: number): Buffer {
  const code = Buffer.alloc(16);
  code.writeUInt8(2, 0); // INET_DIAG_BC_S_GE
  code.writeUInt8(8, 1);
  code.writeUInt16LE(20, 2);
  code.writeUInt16LE(port, 6);
  code.writeUInt8(3, 8); // INET_DIAG_BC_S_LE
  code.writeUInt8(8, 9);
  code.writeUInt16LE(12, 10);
  code.writeUInt16LE(port, 14);
  return code;
}

/** `struct unix_diag_msg`, then attributes; the kernel gives the inode's lower 32 bits and its own device number. */
function isBoundTo(answer: Buffer, file: BoundFile): boolean {
  for (let at = 16; at + 4 <= answer.length; ) {
    const length = answer.readUInt16LE(at);
    if (length < 4) return false;
    if (answer.readUInt16LE(at + 2) === UNIX_DIAG_VFS && at + 12 <= answer.length) {
      const ino = answer.readUInt32LE(at + 4);
      return ino === Number(BigInt(file.ino) & 0xffffffffn) && userDevice(answer.readUInt32LE(at + 8)) === file.dev;
    }
    at += (length + 3) & ~3;
  }
  return false;
}

/** The kernel keeps a device as major << 20 | minor; stat gives it in the encoding of `new_encode_dev`. */
function userDevice(device: number): number {
  const major = device >>> 20;
  const minor = device & 0xfffff;
  return (minor & 0xff) + major * 0x100 + (minor >>> 8) * 0x100000;
}

/** One dump: all answers, without their netlink headers. */
function ask(request: Buffer): Buffer[] | undefined {
  let fd: number | undefined;
  try {
    fd = openSockDiag();
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(headerBytes + request.length, 0);
    header.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
    header.writeUInt16LE(NLM_F_REQUEST | NLM_F_DUMP, 6);
    send(fd, Buffer.concat([header, request]));
    return collect(fd);
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function collect(fd: number): Buffer[] | undefined {
  const answers: Buffer[] = [];
  const buffer = Buffer.allocUnsafe(32 * 1024);
  for (;;) {
    const length = receive(fd, buffer);
    for (let at = 0; at + headerBytes <= length; ) {
      const size = buffer.readUInt32LE(at);
      const type = buffer.readUInt16LE(at + 4);
      if (type === NLMSG_DONE) return answers;
      if (type === NLMSG_ERROR || size < headerBytes) return undefined;
      answers.push(Buffer.from(buffer.subarray(at + headerBytes, at + size)));
      at += (size + 3) & ~3;
    }
  }
}
