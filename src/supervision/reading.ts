/**
 * For whose bytes a blocked thread waits, as its system call tells. Numbers and arguments in, meaning out; what the
 * arguments point to is read in os/kept-connections.ts.
 */
import type { Syscall } from "./readiness.ts";

/** The calls in which a program waits for bytes of one connection, and the one in which its other threads sleep. */
type Call = "read" | "poll" | "ppoll" | "select" | "futex";

const x64: ReadonlyMap<number, Call> = new Map([
  [0, "read"],
  [19, "read"], // readv
  [45, "read"], // recvfrom
  [47, "read"], // recvmsg
  [7, "poll"],
  [219, "poll"], // restart_syscall: what poll becomes when its process was stopped and goes on
  [271, "ppoll"],
  [23, "select"],
  [270, "select"], // pselect6
  [202, "futex"],
]);

/** Architectures that took Linux's generic table (asm-generic/unistd.h). */
const generic: ReadonlyMap<number, Call> = new Map([
  [63, "read"],
  [65, "read"], // readv
  [207, "read"], // recvfrom
  [212, "read"], // recvmsg
  [73, "ppoll"],
  [72, "select"], // pselect6
  [98, "futex"],
]);

const tables: ReadonlyMap<string, ReadonlyMap<number, Call>> = new Map([
  ["x64", x64],
  ["arm64", generic],
  ["riscv64", generic],
  ["loong64", generic],
]);

/**
 * What a thread waits for, without end. `descriptor`: this one alone. `polled`, `selected`: one descriptor alone if what
 * lies at the address says so. `nothing`: it sleeps until another thread wakes it.
 */
export type Wait =
  | { readonly kind: "descriptor"; readonly fd: number }
  | { readonly kind: "polled"; readonly address: bigint }
  | { readonly kind: "selected"; readonly address: bigint; readonly limit: number }
  | { readonly kind: "nothing" };

/** Undefined: it waits for something else, for several things at once, or only for some time. */
export function waitOf(call: Syscall, arch: string): Wait | undefined {
  const args = call.args;
  const [first = 0n, second = 0n, third = 0n, fourth = 0n, fifth = 0n] = args;
  switch (tables.get(arch)?.get(call.number)) {
    case "read":
      return { kind: "descriptor", fd: Number(first) };
    case "poll":
      return second === 1n && BigInt.asIntN(32, third) < 0n ? { kind: "polled", address: first } : undefined;
    case "ppoll":
      return second === 1n && third === 0n ? { kind: "polled", address: first } : undefined;
    case "select":
      if (second === 0n || third !== 0n || fifth !== 0n) return undefined;
      return { kind: "selected", address: second, limit: Number(first) };
    case "futex":
      return isFutexWait(second) && fourth === 0n ? { kind: "nothing" } : undefined;
    default:
      return undefined;
  }
}

/** FUTEX_WAIT and FUTEX_WAIT_BITSET, whatever their flags. */
function isFutexWait(operation: bigint): boolean {
  const command = operation & 0x7fn;
  return command === 0n || command === 9n;
}
