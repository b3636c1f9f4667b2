/**
 * What the kernel knows of sockets, by netlink (sock_diag(7)): which socket listens at a path, which connections a
 * listener has accepted, what waits there. 0.05 ms a question. Where the kernel does not answer, the functions say
 * undefined.
 */
import { closeSync } from "node:fs";
import { openSockDiag, receive, SystemCallError, send } from "./posix.ts";

const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 0x1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const UDIAG_SHOW_VFS = 2;
const UDIAG_SHOW_RQLEN = 16;
const UNIX_DIAG_VFS = 1;
const UNIX_DIAG_RQLEN = 4;
const UNIX_DIAG_SHUTDOWN = 6;
const SEND_SHUTDOWN = 2;
const INET_DIAG_REQ_BYTECODE = 1;
const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const IPPROTO_TCP = 6;
const headerBytes = 16;

/** One buffer for all answers: every question is asked and answered in one go. */
const shared = Buffer.allocUnsafeSlow(32 * 1024);

const CLOSE_WAIT = 8;
/** FIN_WAIT1 and FIN_WAIT2. */
const finWaits: ReadonlySet<number> = new Set([4, 5]);

const stateBits = { listening: 1 << 10, connected: (1 << 1) | (1 << 4) | (1 << 5) | (1 << 8) } as const;

const everyState = 0xffffffff;

/** Connected: established, or closing on one side only. What is closed on both sides is nobody's request. */
export type SocketStates = keyof typeof stateBits;

/** The file a Unix socket is bound to, as lstat gives it. */
export interface BoundFile {
  readonly dev: number;
  readonly ino: number;
}

/** What is known of a connection. */
export interface Connection {
  /** What has come in, and was not read yet. */
  readonly unreadBytes: number;
  /** Our end has been shut down for writing: what was answered is on its way, and nothing more will be. */
  readonly isOver: boolean;
}

/** Accepted connections by inode. */
export type Connections = ReadonlyMap<number, Connection>;

/** What waits in a listener's queue. */
export interface Queue {
  readonly length: number;
  /** How many the kernel lets wait: what listen(2) was given, or the kernel's cap. */
  readonly limit: number;
}

/** The Unix sockets bound to this file: the listener, or the connections that were made through it. */
export function unixSocketsAt(file: BoundFile, states: SocketStates): Connections | undefined {
  const request = unixRequest(stateBits[states], UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN);
  const answers = ask(request, NLM_F_DUMP)?.filter((answer) => isBoundTo(answer, file));
  return toConnections(answers, (answer) => [
    answer.readUInt32LE(4),
    { unreadBytes: rqlenOf(answer)?.length ?? 0, isOver: isShutForWriting(answer) },
  ]);
}

/** The queue of the listening Unix socket with this inode. */
export function unixQueueOf(inode: number): Queue | undefined {
  const [answer] = ask(requestFor(inode, stateBits.listening, UDIAG_SHOW_RQLEN)) ?? [];
  return answer === undefined ? undefined : rqlenOf(answer);
}

/** Does a Unix socket of our own network namespace have this inode, whatever it does? */
export function isUnixSocketOfOurs(inode: number): boolean | undefined {
  const answers = ask(requestFor(inode, everyState, 0));
  return answers === undefined ? undefined : answers.length > 0;
}

/** For one socket. */
function requestFor(inode: number, states: number, show: number): Buffer {
  const request = unixRequest(states, show);
  request.writeUInt32LE(inode % 2 ** 32, 8);
  request.writeUInt32LE(0xffffffff, 16); // whatever its cookie
  request.writeUInt32LE(0xffffffff, 20);
  return request;
}

/** `struct unix_diag_req`. */
function unixRequest(states: number, show: number): Buffer {
  const request = Buffer.alloc(24);
  request.writeUInt8(AF_UNIX, 0);
  request.writeUInt32LE(states, 4);
  request.writeUInt32LE(show, 12);
  return request;
}

/** The TCP sockets of this local port. */
export function tcpSocketsAt(family: "ipv4" | "ipv6", port: number, states: SocketStates): Connections | undefined {
  const request = Buffer.alloc(56 + 4 + 16);
  request.writeUInt8(family === "ipv4" ? AF_INET : AF_INET6, 0);
  request.writeUInt8(IPPROTO_TCP, 1);
  request.writeUInt32LE(stateBits[states], 4);
  request.writeUInt32LE(0xffffffff, 48);
  request.writeUInt32LE(0xffffffff, 52);
  request.writeUInt16LE(4 + 16, 56);
  request.writeUInt16LE(INET_DIAG_REQ_BYTECODE, 58);
  portFilter(port).copy(request, 60);
  const answers = ask(request, NLM_F_DUMP)?.filter((answer) => answer.length >= 72);
  return toConnections(answers, (answer) => [
    answer.readUInt32LE(68),
    { unreadBytes: tcpUnreadBytes(answer), isOver: finWaits.has(answer.readUInt8(1)) },
  ]);
}

/** `idiag_rqueue`. The end of what the peer sends counts as a byte until it is read. */
function tcpUnreadBytes(answer: Buffer): number {
  const unread = answer.readUInt32LE(56);
  return answer.readUInt8(1) === CLOSE_WAIT ? Math.max(0, unread - 1) : unread;
}

/** What nobody holds has no inode: it waits in the queue, or is closed. */
function toConnections(
  answers: Buffer[] | undefined,
  read: (answer: Buffer) => readonly [number, Connection],
): Connections | undefined {
  if (answers === undefined) return undefined;
  return new Map(answers.map(read).filter(([inode]) => inode !== 0));
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

/** The kernel gives the inode's lower 32 bits and its own device number. */
function isBoundTo(answer: Buffer, file: BoundFile): boolean {
  const vfs = attributeOf(answer, UNIX_DIAG_VFS);
  if (vfs === undefined) return false;
  const ino = vfs.readUInt32LE(0);
  return ino === Number(BigInt(file.ino) & 0xffffffffn) && userDevice(vfs.readUInt32LE(4)) === file.dev;
}

/** Of a listener its queue and the limit of it, of a connection its unread bytes and what its peer has not read. */
function rqlenOf(answer: Buffer): Queue | undefined {
  const rqlen = attributeOf(answer, UNIX_DIAG_RQLEN);
  return rqlen === undefined ? undefined : { length: rqlen.readUInt32LE(0), limit: rqlen.readUInt32LE(4) };
}

function isShutForWriting(answer: Buffer): boolean {
  const ends = attributeOf(answer, UNIX_DIAG_SHUTDOWN, 1)?.readUInt8(0) ?? 0;
  return (ends & SEND_SHUTDOWN) !== 0;
}

/** After `struct unix_diag_msg`: the attribute of this type, where it has so many bytes; two numbers unless said otherwise. */
function attributeOf(answer: Buffer, type: number, bytes = 8): Buffer | undefined {
  for (let at = 16; at + 4 <= answer.length; ) {
    const length = answer.readUInt16LE(at);
    if (length < 4) return undefined;
    if (answer.readUInt16LE(at + 2) === type && length >= 4 + bytes) return answer.subarray(at + 4, at + 4 + bytes);
    at += (length + 3) & ~3;
  }
  return undefined;
}

/** The kernel keeps a device as major << 20 | minor; stat gives it in the encoding of `new_encode_dev`. */
function userDevice(device: number): number {
  const major = device >>> 20;
  const minor = device & 0xfffff;
  return (minor & 0xff) + major * 0x100 + (minor >>> 8) * 0x100000;
}

/** One question: all answers of a dump, or the one answer, without their netlink headers. */
function ask(request: Buffer, dump = 0): Buffer[] | undefined {
  let fd: number | undefined;
  try {
    fd = openSockDiag();
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(headerBytes + request.length, 0);
    header.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
    header.writeUInt16LE(NLM_F_REQUEST | dump, 6);
    send(fd, Buffer.concat([header, request]));
    return collect(fd, dump !== 0);
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** There is no such socket. (Of a list the same error means that the kernel makes none: its module is absent.) */
function noneIfAbsent(at: number): Buffer[] | undefined {
  const ENOENT = 2;
  return shared.readInt32LE(at + headerBytes) === -ENOENT ? [] : undefined;
}

function collect(fd: number, all: boolean): Buffer[] | undefined {
  const answers: Buffer[] = [];
  do {
    const length = receive(fd, shared);
    for (let at = 0; at + headerBytes <= length; ) {
      const size = shared.readUInt32LE(at);
      const type = shared.readUInt16LE(at + 4);
      if (type === NLMSG_DONE) return answers;
      if (type === NLMSG_ERROR || size < headerBytes) return all ? undefined : noneIfAbsent(at);
      answers.push(Buffer.from(shared.subarray(at + headerBytes, at + size)));
      at += (size + 3) & ~3;
    }
  } while (all);
  return answers;
}
