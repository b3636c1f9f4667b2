/** What a blocked process does, in words, from the system call that it is in. */

type Doing =
  | "reads"
  | "writes"
  | "sleeps"
  | "waits for a child"
  | "connects"
  | "waits for several things"
  | "waits for a lock"
  | "waits for a thread"
  | "accepts";

const x64: ReadonlyMap<number, Doing> = new Map([
  [0, "reads"],
  [19, "reads"], // readv
  [45, "reads"], // recvfrom
  [47, "reads"], // recvmsg
  [1, "writes"],
  [20, "writes"], // writev
  [44, "writes"], // sendto
  [46, "writes"], // sendmsg
  [35, "sleeps"],
  [230, "sleeps"], // clock_nanosleep
  [34, "sleeps"], // pause
  [130, "sleeps"], // rt_sigsuspend
  [128, "sleeps"], // rt_sigtimedwait
  [61, "waits for a child"], // wait4
  [247, "waits for a child"], // waitid
  [42, "connects"],
  [43, "accepts"],
  [288, "accepts"], // accept4
  [7, "waits for several things"], // poll
  [271, "waits for several things"], // ppoll
  [23, "waits for several things"], // select
  [270, "waits for several things"], // pselect6
  [232, "waits for several things"], // epoll_wait
  [281, "waits for several things"], // epoll_pwait
  [73, "waits for a lock"], // flock
  [202, "waits for a thread"], // futex
]);

/** Architectures that took Linux's generic table (asm-generic/unistd.h). */
const generic: ReadonlyMap<number, Doing> = new Map([
  [63, "reads"],
  [65, "reads"],
  [207, "reads"],
  [212, "reads"],
  [64, "writes"],
  [66, "writes"],
  [206, "writes"],
  [211, "writes"],
  [101, "sleeps"],
  [115, "sleeps"],
  [133, "sleeps"],
  [137, "sleeps"],
  [260, "waits for a child"],
  [95, "waits for a child"],
  [203, "connects"],
  [202, "accepts"],
  [242, "accepts"],
  [73, "waits for several things"],
  [72, "waits for several things"],
  [22, "waits for several things"],
  [32, "waits for a lock"],
  [98, "waits for a thread"],
]);

/** Those whose first argument is a descriptor that tells more. */
const onDescriptor: ReadonlySet<Doing> = new Set(["reads", "writes", "connects", "accepts", "waits for a lock"]);

export interface Doings {
  readonly doing: string;
  /** The descriptor that it is about; undefined where it is about none, or several. */
  readonly fd: number | undefined;
}

/** Undefined: a call that is not known here. */
export function doingsOf(call: { number: number; args: readonly bigint[] }, arch: string): Doings | undefined {
  const doing = (arch === "x64" ? x64 : generic).get(call.number);
  if (doing === undefined) return undefined;
  return { doing, fd: onDescriptor.has(doing) ? Number(BigInt.asIntN(32, call.args[0] ?? -1n)) : undefined };
}
