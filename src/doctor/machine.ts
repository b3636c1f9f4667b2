/** A binary that the kernel refuses: for which kind of machine was it built? */
import { closeSync, openSync, readSync } from "node:fs";
import { machine } from "node:os";
import type { Cause } from "../diagnosis/death.ts";
import type { Case } from "./case.ts";

/** By the number in the ELF header, in the words of `uname -m`. */
const machines: ReadonlyMap<number, string> = new Map([
  [3, "i386"],
  [8, "mips"],
  [21, "ppc64"],
  [22, "s390x"],
  [40, "arm"],
  [62, "x86_64"],
  [183, "aarch64"],
  [243, "riscv64"],
  [258, "loongarch64"],
]);

export function causeOfMachine({ plan }: Case): Cause {
  const { path } = plan.program;
  const built = builtFor(path);
  return {
    code: "program.other-machine",
    what:
      built === undefined
        ? `The kernel cannot run ${path}: it is no binary, or a damaged one`
        : `The program is built for another kind of machine: for ${built}, and this is ${machine()}`,
    seen: [built === undefined ? `file ${path} says what it is` : `the header of ${path} names ${built}`],
    remedy: [`build it for this machine (Go: GOARCH=${goNames[machine()] ?? machine()} go build), or copy it anew`],
  };
}

const goNames: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64", i686: "386", ppc64: "ppc64le" };

/** Undefined for what is no ELF file of a known kind, or is for this machine. */
function builtFor(path: string): string | undefined {
  const header = startOf(path, 20);
  if (header.toString("latin1", 0, 4) !== "\x7fELF" || header.length < 20) return undefined;
  const isBigEndian = header[5] === 2;
  const number = isBigEndian ? header.readUInt16BE(18) : header.readUInt16LE(18);
  const name = machines.get(number) ?? `machine ${number}`;
  return name === machine() ? undefined : name;
}

function startOf(path: string, bytes: number): Buffer {
  const start = Buffer.alloc(bytes);
  const fd = openSync(path, "r");
  try {
    return start.subarray(0, readSync(fd, start, 0, bytes, 0));
  } finally {
    closeSync(fd);
  }
}
