import { expect, test } from "@jest/globals";
import {
  epollWatches,
  parseStat,
  parseSyscall,
  pollFds,
  selectFds,
  socketInode,
  type WaitCall,
  waitCallsOf,
} from "../../src/supervision/readiness.ts";

/** How `/proc/PID/syscall` reads for workers that wait for a request: number, six arguments, stack and program counter. */
const blocked: readonly (readonly [string, string, string, WaitCall])[] = [
  [
    "x64",
    "php-cgi in accept",
    "43 0x0 0x7ffd3c1b0a10 0x7ffd3c1b09fc 0x0 0x0 0x0 0x7ffd3c1b09b8 0x7f0c1a9278a7",
    "accept",
  ],
  ["x64", "a program in accept4", "288 0x0 0x0 0x0 0x80000 0x0 0x0 0x7ffe5dbb4f28 0x7f6d1f31b0c3", "accept"],
  [
    "x64",
    "node in epoll_wait",
    "232 0xd 0x7ffc2c9d2a70 0x400 0xffffffffffffffff 0x0 0x0 0x7ffc2c9d1980 0x7f10",
    "epoll",
  ],
  ["x64", "libuv in epoll_pwait", "281 0xc 0x7ffd8 0x400 0xffffffffffffffff 0x0 0x8 0x7ffd7 0x7f11", "epoll"],
  ["x64", "flup in poll", "7 0x7ffc54ac1c58 0x1 0xffffffff 0x0 0x0 0x7f5c 0x7ffc54ac1c10 0x7f5c0f5a", "poll"],
  ["x64", "php-fpm in select", "23 0x1 0x7ffdd0e5b3a0 0x0 0x0 0x0 0x0 0x7ffdd0e5b320 0x7f33d2a51c1a", "select"],
  ["x64", "glibc's select in pselect6", "270 0x1 0x7ffdd0e5b3a0 0x0 0x0 0x0 0x0 0x7ffdd 0x7f33d", "select"],
  [
    "arm64",
    "a program in accept",
    "202 0x0 0xffffdbf3f4c8 0xffffdbf3f4c4 0x0 0x0 0x0 0xffffdbf3f470 0xffff9c",
    "accept",
  ],
  ["arm64", "a program in accept4", "242 0x0 0x0 0x0 0x80000 0x0 0x0 0xffffc1d0e2b0 0xffff8a", "accept"],
  ["arm64", "node in epoll_pwait", "22 0xd 0xffffe5a3c0f8 0x400 0xffffffffffffffff 0x0 0x8 0xffffe5 0xffffa1", "epoll"],
  ["arm64", "flup in ppoll", "73 0xffffed5e8a38 0x1 0x0 0x0 0x8 0x0 0xffffed5e89e0 0xffffb5", "poll"],
  ["arm64", "a program in pselect6", "72 0x1 0xfffff6f0a1d8 0x0 0x0 0x0 0x0 0xfffff6 0xffff8f", "select"],
];

test.each(blocked)("on %s, %s is seen to wait", (arch, _who, text, call) => {
  const syscall = parseSyscall(`${text}\n`);
  expect(waitCallsOf(arch)?.get(syscall?.number ?? -1)).toBe(call);
});

test("a call's arguments are its six registers, not the stack and program counter", () => {
  const syscall = parseSyscall("232 0xd 0x7ffc2c9d2a70 0x400 0xffffffffffffffff 0x0 0x1 0x7ffc2c9d1980 0x7f10\n");
  expect(syscall).toEqual({ number: 232, args: [13n, 0x7ffc2c9d2a70n, 1024n, 0xffffffffffffffffn, 0n, 1n] });
});

test("a thread that runs, or is blocked outside a call, waits in no call", () => {
  expect(parseSyscall("running\n")).toBeUndefined();
  expect(parseSyscall("-1 0x7ffd3c1b09b8 0x7f0c1a9278a7\n")).toBeUndefined();
});

test("the same number means another call on another architecture, and nothing where it is not known", () => {
  expect(waitCallsOf("x64")?.get(202)).toBeUndefined(); // futex
  expect(waitCallsOf("arm64")?.get(43)).toBeUndefined(); // statfs
  expect(waitCallsOf("riscv64")?.get(202)).toBe("accept");
  expect(waitCallsOf("s390x")).toBeUndefined();
});

const fdinfo = `pos:\t0
flags:\t02000002
mnt_id:\t15
ino:\t1061
tfd:       10 events:       19 data: ffffffff0000000a  pos:0 ino:421 sdev:f
tfd:        0 events:       19 data:                0  pos:0 ino:2e8c sdev:8
`;

test("an epoll watches the sockets whose inodes it lists, in hexadecimal", () => {
  expect(epollWatches(fdinfo, 0x2e8c)).toBe(true);
  expect(epollWatches(fdinfo, 0x421)).toBe(true);
});

test("fd 0 watched at each edge for input and output says nothing: Go's runtime does so before the program serves", () => {
  const booting = "tfd:        0 events: 80002005 data: 7f5b2c3d4e5f0001  pos:0 ino:2e8c sdev:8\n";
  const serving = "tfd:        3 events: 80002005 data: 7f5b2c3d4e5f0002  pos:0 ino:2e8c sdev:8\n";
  expect(epollWatches(booting, 0x2e8c)).toBe(false);
  expect(epollWatches(booting + serving, 0x2e8c)).toBe(true);
});

test("neither a part of an inode nor the epoll's own inode is a watched socket", () => {
  expect(epollWatches(fdinfo, 0x2e8)).toBe(false);
  expect(epollWatches(fdinfo, 1061)).toBe(false);
  expect(epollWatches(fdinfo, 0x1061)).toBe(false);
  expect(epollWatches("", 1)).toBe(false);
});

/** One `struct pollfd` as it lies in memory on a little-endian machine. */
function pollfd(fd: number, events: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(fd, 0);
  bytes.writeInt16LE(events, 4);
  return bytes;
}

test("of a pollfd array those descriptors count that are polled for input", () => {
  const pollOut = 0x04;
  const memory = Buffer.concat([pollfd(0, 0x01), pollfd(5, pollOut), pollfd(9, 0x40 | pollOut), pollfd(7, 0)]);
  expect(pollFds(memory)).toEqual([0, 9]);
});

test("a pollfd that could be read in part only does not count", () => {
  expect(pollFds(Buffer.concat([pollfd(3, 1), pollfd(4, 1).subarray(0, 6)]))).toEqual([3]);
  expect(pollFds(Buffer.alloc(0))).toEqual([]);
});

test("of an fd_set those descriptors count whose bits are set, below the limit", () => {
  const memory = Buffer.from([0b1000_0001, 0b0000_0010, 0, 0, 0, 0, 0, 0]);
  expect(selectFds(memory, 64)).toEqual([0, 7, 9]);
  expect(selectFds(memory, 9)).toEqual([0, 7]);
  expect(selectFds(memory.subarray(0, 1), 64)).toEqual([0, 7]);
});

test("a link of /proc/PID/fd to a socket names its inode", () => {
  expect(socketInode("socket:[4711]")).toBe(4711);
  expect(socketInode("pipe:[4711]")).toBeUndefined();
  expect(socketInode("/var/log/socket:[4711]")).toBeUndefined();
  expect(socketInode("anon_inode:[eventpoll]")).toBeUndefined();
});

test("a process is read from its stat line, whatever its name contains", () => {
  const plain = "4711 (php-cgi) S 4242 4711 4711 0 -1 4194560 2230 0 0 0 5 1 0 0 20 0 1 0 88123 0";
  expect(parseStat(plain)).toEqual({ state: "S", parent: 4242, group: 4711, session: 4711 });
  const odd = "4712 (my app) R 1) T 4711 4711 4700 0 -1 4194560 0 0 0 0";
  expect(parseStat(odd)).toEqual({ state: "T", parent: 4711, group: 4711, session: 4700 });
});
