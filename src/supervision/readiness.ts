/** What a look at /proc means. Texts and bytes in, meaning out; the reading is done in os/procfs.ts. */

/** The ways in which a program waits for a request on its listener. */
export type WaitCall = "accept" | "epoll" | "poll" | "select";

export interface Syscall {
  readonly number: number;
  readonly args: readonly bigint[];
}

const x64: ReadonlyMap<number, WaitCall> = new Map([
  [43, "accept"],
  [288, "accept"],
  [232, "epoll"],
  [281, "epoll"],
  [441, "epoll"],
  [7, "poll"],
  [271, "poll"],
  [23, "select"],
  [270, "select"],
]);

/** Architectures that took Linux's generic table (asm-generic/unistd.h). */
const generic: ReadonlyMap<number, WaitCall> = new Map([
  [202, "accept"],
  [242, "accept"],
  [22, "epoll"],
  [441, "epoll"],
  [73, "poll"],
  [72, "select"],
]);

const tables: ReadonlyMap<string, ReadonlyMap<number, WaitCall>> = new Map([
  ["x64", x64],
  ["arm64", generic],
  ["riscv64", generic],
  ["loong64", generic],
]);

/** System call numbers by Node's name of the architecture; undefined where they are not known: nothing can be told there. */
export function waitCallsOf(arch: string): ReadonlyMap<number, WaitCall> | undefined {
  return tables.get(arch);
}

/** `/proc/PID/syscall`: the call in which a thread is blocked; undefined for `running`, or `-1` (blocked outside a call). */
export function parseSyscall(text: string): Syscall | undefined {
  const words = text.trim().split(" ");
  const number = Number(words[0]);
  if (!Number.isInteger(number) || number < 0) return undefined;
  return { number, args: words.slice(1, 7).map((word) => BigInt(word)) };
}

/**
 * `/proc/PID/fdinfo/FD` of an epoll: does it watch the socket with this inode for connections? Go's runtime puts a
 * non-blocking fd 0 into its epoll while the program still boots, for input and output at each edge; only when it serves
 * does it watch a copy of that descriptor. So fd 0 in that form says nothing.
 */
export function epollWatches(fdinfo: string, inode: number): boolean {
  const wanted = inode.toString(16);
  return fdinfo.split("\n").some((line) => {
    const [, fd, events, , ino] =
      /^tfd:\s*(\d+) events:\s*([0-9a-f]+) +data:\s*([0-9a-f]+) .*\bino:([0-9a-f]+)/.exec(line) ?? [];
    return ino === wanted && !(fd === "0" && isEveryEdge(Number.parseInt(events ?? "0", 16)));
  });
}

/** EPOLLET and EPOLLOUT. */
function isEveryEdge(events: number): boolean {
  return (events & 0x80000000) !== 0 && (events & 0x4) !== 0;
}

/** `struct pollfd[]`, 8 bytes each: the descriptors that are polled for input. */
export function pollFds(memory: Buffer): number[] {
  const fds: number[] = [];
  const pollIn = 0x41; // POLLIN | POLLRDNORM
  for (let at = 0; at + 8 <= memory.length; at += 8) {
    if ((memory.readInt16LE(at + 4) & pollIn) !== 0) fds.push(memory.readInt32LE(at));
  }
  return fds;
}

/** `fd_set`, one bit a descriptor: those below `limit` that are set. */
export function selectFds(memory: Buffer, limit: number): number[] {
  const fds: number[] = [];
  for (let fd = 0; fd < limit && fd >> 3 < memory.length; fd += 1) {
    if (((memory[fd >> 3] ?? 0) & (1 << (fd & 7))) !== 0) fds.push(fd);
  }
  return fds;
}

/** The inode in a link of `/proc/PID/fd` such as `socket:[4711]`. */
export function socketInode(link: string): number | undefined {
  const match = /^socket:\[(\d+)\]$/.exec(link);
  return match === null ? undefined : Number(match[1]);
}

/** Fields of `/proc/PID/stat` after the name, which may contain spaces and brackets. */
export function parseStat(text: string): { state: string; parent: number; group: number; session: number } {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    state: fields[0] ?? "?",
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
  };
}
