/** Unix clients in another network namespace: for the kernel, those of another container that shares the socket's directory. */
import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import koffi from "koffi";
import { connect, openSocket, unixAddress } from "../../src/os/posix.ts";

const CLONE_NEWNET = 0x40000000;
const libc = koffi.load(null);
const unshare = libc.func("int unshare(int flags)");
const setns = libc.func("int setns(int fd, int kind)");

/** A socket belongs to the namespace in which it was made, whoever has it: so we need to be there for that moment only. */
function madeElsewhere(): number {
  const home = openSync("/proc/thread-self/ns/net", "r");
  try {
    if (unshare(CLONE_NEWNET) !== 0) throw new Error("Cannot make a network namespace: the tests need root");
    try {
      return openSocket("unix");
    } finally {
      if (setns(home, CLONE_NEWNET) !== 0) process.abort(); // nothing here would be what it seems
    }
  } finally {
    closeSync(home);
  }
}

export function connectFromElsewhere(path: string): Socket {
  const fd = madeElsewhere();
  connect(fd, unixAddress(path));
  return new Socket({ fd, allowHalfOpen: true, readable: true, writable: true });
}
