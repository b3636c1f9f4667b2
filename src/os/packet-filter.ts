/**
 * What of the network still comes in, by classic BPF programs on sockets (socket(7), SO_ATTACH_FILTER): the kernel asks
 * them for each packet, which they see from its TCP header on. A packet that is dropped was never here: its sender tries
 * again. On Unix sockets they change nothing. Some systems refuse them to all but root: then these functions say false.
 */
import { attachFilter, detachFilter, SystemCallError } from "./posix.ts";

const loadByte = 0x30;
const and = 0x54;
const skipUnlessEqual = 0x15;
const answer = 0x06;
const all = 0xffffffff;

/** Where the TCP header has its flags, and two of them. */
const flagsAt = 13;
const synAndAck = 0x12;
const syn = 0x02;

/**
 * Drops what opens a connection and lets in all else: a handshake that is under way comes to its end, and so does what
 * happens on accepted connections, which inherit the filter.
 */
export function refuseConnections(fd: number): boolean {
  const program = [
    instruction(loadByte, flagsAt),
    instruction(and, synAndAck),
    instruction(skipUnlessEqual, syn, 1),
    instruction(answer, 0),
    instruction(answer, all),
  ];
  return attach(fd, Buffer.concat(program));
}

/** Drops everything until `admitPackets`. */
export function refusePackets(fd: number): boolean {
  return attach(fd, instruction(answer, 0));
}

/** Takes the filter away. */
export function admitPackets(fd: number): void {
  detachFilter(fd);
}

function attach(fd: number, program: Buffer): boolean {
  try {
    attachFilter(fd, program);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError) return false;
    throw error;
  }
}

/** `struct sock_filter`: what to do, how many instructions to skip if it holds and if not, with what. */
function instruction(code: number, operand: number, skipIfNot = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(skipIfNot, 3);
  bytes.writeUInt32LE(operand, 4);
  return bytes;
}
