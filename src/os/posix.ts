/**
 * The system calls that Node does not have, through koffi: the only file that knows it. Every function returns what it
 * made or throws a `SystemCallError` with the error's name. Numbers are those of Linux.
 */
import { closeSync, writeSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import koffi from "koffi";

export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly call: string;
  /** `EADDRINUSE`, `EACCES`, … */
  readonly errno: string;

  constructor(call: string, errno: string) {
    super(`${call}: ${errno}`);
    this.call = call;
    this.errno = errno;
  }
}

const libc = koffi.load(null);
const socketCall = libc.func("int socket(int domain, int type, int protocol)");
const bindCall = libc.func("int bind(int fd, const void *address, uint32_t length)");
const listenCall = libc.func("int listen(int fd, int backlog)");
const connectCall = libc.func("int connect(int fd, const void *address, uint32_t length)");
const setsockoptCall = libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)");
const getsockoptCall = libc.func("int getsockopt(int fd, int level, int name, void *value, void *length)");
const flockCall = libc.func("int flock(int fd, int operation)");
const pipe2Call = libc.func("int pipe2(void *fds, int flags)");
const inetPtonCall = libc.func("int inet_pton(int family, const char *text, void *address)");
const fcntlCall = libc.func("int fcntl(int fd, int command, int argument)");
const dup2Call = libc.func("int dup2(int fd, int number)");
const sendCall = libc.func("long send(int fd, const void *bytes, size_t length, int flags)");
const recvCall = libc.func("long recv(int fd, void *bytes, size_t length, int flags)");

/** What is needed long after the start is looked up at its first use: each costs 20 to 40 µs. */
function later(prototype: string): () => ReturnType<typeof libc.func> {
  let found: ReturnType<typeof libc.func> | undefined;
  return () => {
    found ??= libc.func(prototype);
    return found;
  };
}

const shutdownCall = later("int shutdown(int fd, int how)");
const ioctlCall = later("int ioctl(int fd, unsigned long request, void *value)");
const syscallCall = later("long syscall(long number, int first, int second, uint32_t third)");
const getpagesizeCall = later("int getpagesize()");
const prctlCall = later("int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)");
const waitidCall = later("int waitid(int idtype, uint32_t id, void *info, int options)");
const waitpidCall = later("int waitpid(int pid, void *status, int options)");
const getsocknameCall = later("int getsockname(int fd, void *address, void *length)");
const getxattrCall = later("long getxattr(const char *path, const char *name, void *value, size_t size)");
const memfdCreateCall = later("int memfd_create(const char *name, uint32_t flags)");
const sendtoCall = later(
  "long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t addressLength)",
);

// Without names: where this file is loaded twice in one process (tests), a second type of the same name is refused.
const Passwd = koffi.struct({
  name: "str",
  password: "str",
  uid: "uint32_t",
  gid: "uint32_t",
  gecos: "str",
  home: "str",
  shell: "str",
});
const Group = koffi.struct({ name: "str", password: "str", gid: "uint32_t", members: "void *" });
const getpwnamCall = libc.func("getpwnam", koffi.pointer(Passwd), ["str"]);
const getpwuidCall = libc.func("getpwuid", koffi.pointer(Passwd), ["uint32_t"]);
const getgrnamCall = libc.func("getgrnam", koffi.pointer(Group), ["str"]);
const getgrgidCall = libc.func("getgrgid", koffi.pointer(Group), ["uint32_t"]);

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const O_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_PEERCRED = 17;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;
const SCM_RIGHTS = 1;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** F_SEAL_SEAL, _SHRINK, _GROW and _WRITE. */
const F_SEAL_EVERYTHING = 0xf;
const FIONREAD = 0x541b;
const SIOCOUTQ = 0x5411;
const MSG_PEEK = 0x2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** The same numbers on every architecture. */
const SYS_pidfd_open = 434;
const SYS_pidfd_getfd = 438;
const NETLINK_SOCK_DIAG = 4;
const LOCK_EX = 2;
const LOCK_NB = 4;

export type Family = "unix" | "ipv4" | "ipv6";

const families = { unix: AF_UNIX, ipv4: AF_INET, ipv6: AF_INET6 } as const;

function checked(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, errnoName(koffi.errno()));
  return result;
}

function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${errno}`;
  }
}

/** A blocking stream socket, close-on-exec. `nonBlocking` is for a probe of our own, never for a listener. */
export function openSocket(family: Family, options: { nonBlocking?: boolean } = {}): number {
  const flags = SOCK_CLOEXEC | (options.nonBlocking === true ? SOCK_NONBLOCK : 0);
  return checked("socket", socketCall(families[family], SOCK_STREAM | flags, 0));
}

/** A netlink socket on which the kernel answers questions about sockets. */
export function openSockDiag(): number {
  return checked("socket", socketCall(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}

/** A Unix socket for single messages. */
export function openDatagramSocket(): number {
  return checked("socket", socketCall(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

/** `struct sockaddr_un` for a path of at most 107 bytes. An abstract name begins with a zero byte, and has none at its end. */
export function unixAddress(path: string): Buffer {
  const bytes = Buffer.from(path);
  const address = Buffer.alloc(2 + bytes.length + (path.startsWith("\0") ? 0 : 1));
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  return address;
}

/** `struct sockaddr_in` or `sockaddr_in6` for a numeric address. */
export function inetAddress(host: string, port: number): Buffer {
  const v6 = host.includes(":");
  const address = Buffer.alloc(v6 ? 28 : 16);
  address.writeUInt16LE(v6 ? AF_INET6 : AF_INET, 0);
  address.writeUInt16BE(port, 2);
  // inet_pton gives 1 for an address, 0 for anything else.
  if (inetPtonCall(v6 ? AF_INET6 : AF_INET, host, address.subarray(v6 ? 8 : 4)) !== 1) {
    throw new SystemCallError("inet_pton", "EINVAL");
  }
  return address;
}

export function bind(fd: number, address: Buffer): void {
  checked("bind", bindCall(fd, address, address.length));
}

export function listen(fd: number, backlog: number): void {
  checked("listen", listenCall(fd, backlog));
}

export function connect(fd: number, address: Buffer): void {
  checked("connect", connectCall(fd, address, address.length));
}

/** What a socket is bound to, as `bind` takes it. */
export function addressOf(fd: number): Buffer {
  const address = Buffer.alloc(128);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  checked("getsockname", getsocknameCall()(fd, address, length));
  return address.subarray(0, length.readUInt32LE(0));
}

export function setReuseAddress(fd: number): void {
  setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
}

/** Who called `listen` on the socket that this one is connected to (`struct ucred`). Pid 0: in a foreign pid namespace. */
export function peerCredentials(fd: number): { pid: number; uid: number } {
  const value = socketOption(fd, SOL_SOCKET, SO_PEERCRED, 12);
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4) };
}

/** Takes an exclusive lock that lives as long as the open file; false where somebody else has it. */
export function tryLock(fd: number): boolean {
  try {
    checked("flock", flockCall(fd, LOCK_EX | LOCK_NB));
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === "EAGAIN") return false;
    throw error;
  }
}

/** A real pipe, both ends close-on-exec and blocking. Node's own "pipe" is a socket pair, which cannot be opened as /dev/stderr. */
export function openPipe(): { readFd: number; writeFd: number } {
  const fds = Buffer.alloc(8);
  checked("pipe2", pipe2Call(fds, O_CLOEXEC));
  return { readFd: fds.readInt32LE(0), writeFd: fds.readInt32LE(4) };
}

/** No child inherits this descriptor. */
export function setCloseOnExec(fd: number): void {
  const F_SETFD = 2;
  const FD_CLOEXEC = 1;
  checked("fcntl", fcntlCall(fd, F_SETFD, FD_CLOEXEC));
}

/** `number` becomes another name of what `fd` stands for; what it stood for before is closed in the same moment. */
export function replaceDescriptor(number: number, fd: number): void {
  checked("dup2", dup2Call(fd, number));
}

export function send(fd: number, bytes: Buffer): void {
  checked("send", Number(sendCall(fd, bytes, bytes.length, 0)));
}

/** Does not wait for room. */
export function sendNow(fd: number, bytes: Buffer): void {
  checked("send", Number(sendCall(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL)));
}

/** One datagram to this address. Does not wait for room: EAGAIN. */
export function sendDatagram(fd: number, address: Buffer, bytes: Buffer): void {
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  checked("sendto", Number(sendtoCall()(fd, bytes, bytes.length, flags, address, address.length)));
}

/** `struct msghdr` with one piece of bytes, as sendmsg(2) takes it. Built at its first use. */
let sendmsgCall: ReturnType<typeof libc.func> | undefined;

function sendmsg(): ReturnType<typeof libc.func> {
  if (sendmsgCall !== undefined) return sendmsgCall;
  const vector = koffi.struct({ bytes: "void *", length: "size_t" });
  const message = koffi.struct({
    address: "void *",
    addressLength: "uint32_t",
    vectors: koffi.pointer(vector),
    vectorCount: "size_t",
    control: "void *",
    controlLength: "size_t",
    flags: "int",
  });
  sendmsgCall = libc.func("sendmsg", "long", ["int", koffi.pointer(message), "int"]);
  return sendmsgCall;
}

/** One datagram with descriptors beside its bytes (unix(7), SCM_RIGHTS): the receiver gets duplicates. Does not wait for room. */
export function sendDescriptors(fd: number, address: Buffer, bytes: Buffer, descriptors: readonly number[]): void {
  // `struct cmsghdr`: length, level, type; then the descriptors, padded to the size of a pointer.
  const length = 16 + 4 * descriptors.length;
  const control = Buffer.alloc(Math.ceil(length / 8) * 8);
  control.writeBigUInt64LE(BigInt(length), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  for (const [index, descriptor] of descriptors.entries()) control.writeInt32LE(descriptor, 16 + 4 * index);
  const vectors = [{ bytes, length: bytes.length }];
  const where = { address, addressLength: address.length, vectors, vectorCount: 1 };
  const message = { ...where, control, controlLength: control.length, flags: 0 };
  checked("sendmsg", Number(sendmsg()(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL)));
}

/** A file in memory that nobody can change any more, for a receiver who does not trust the sender. */
export function openSealedMemory(name: string, bytes: Buffer): number {
  const fd = checked("memfd_create", memfdCreateCall()(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    checked("fcntl", fcntlCall(fd, F_ADD_SEALS, F_SEAL_EVERYTHING));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Bytes that came in, at most `buffer.length`. Blocks until there are some. */
export function receive(fd: number, buffer: Buffer): number {
  return checked("recv", Number(recvCall(fd, buffer, buffer.length, 0)));
}

/** Ends one direction of a connection, for all who hold it. */
export function shutdown(fd: number, direction: "input" | "output"): void {
  const how = { input: 0, output: 1 } as const;
  checked("shutdown", shutdownCall()(fd, how[direction]));
}

/** How many bytes a connection has that nobody has read. */
export function unreadBytes(fd: number): number {
  const value = Buffer.alloc(4);
  checked("ioctl", ioctlCall()(fd, FIONREAD, value));
  return value.readInt32LE(0);
}

/** How many bytes a connection has that its peer has not taken. */
export function unsentBytes(fd: number): number {
  const value = Buffer.alloc(4);
  checked("ioctl", ioctlCall()(fd, SIOCOUTQ, value));
  return value.readInt32LE(0);
}

/** Has our direction of this Unix connection ended, or all of it? Sending nothing changes nothing, and tells. */
export function isShutForSending(fd: number): boolean {
  try {
    sendNow(fd, Buffer.alloc(0));
    return false;
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === "EPIPE") return true;
    throw error;
  }
}

/** Has the peer closed the connection, or reset it, with nothing left to read? */
export function isAtEnd(fd: number): boolean {
  try {
    return checked("recv", Number(recvCall(fd, Buffer.alloc(1), 1, MSG_PEEK | MSG_DONTWAIT))) === 0;
  } catch (error) {
    if (error instanceof SystemCallError) return error.errno !== "EAGAIN";
    throw error;
  }
}

/** A socket's option (socket(7), tcp(7)): at most so many bytes of it. */
export function socketOption(fd: number, level: number, name: number, bytes: number): Buffer {
  const value = Buffer.alloc(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  checked("getsockopt", getsockoptCall(fd, level, name, value, length));
  return value.subarray(0, length.readUInt32LE(0));
}

export function setSocketOption(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  checked("setsockopt", setsockoptCall(fd, level, name, bytes, bytes.length));
}

/** Filters what comes in by a classic BPF program, 8 bytes an instruction. Sockets that are accepted inherit it. */
export function attachFilter(fd: number, program: Buffer): void {
  // `struct sock_fprog`: how many, padding up to the size of a pointer, where.
  const filter = Buffer.alloc(16);
  filter.writeUInt16LE(program.length / 8, 0);
  filter.writeBigUInt64LE(koffi.address(program), 8);
  checked("setsockopt", setsockoptCall(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, filter.length));
}

export function detachFilter(fd: number): void {
  setSocketOption(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
}

/** Another process's descriptor as one of our own, for the same open file. Needs the rights of a debugger, and Linux 5.6. */
export function takeDescriptor(pid: number, fd: number): number {
  const pidfd = checked("pidfd_open", Number(syscallCall()(SYS_pidfd_open, pid, 0, 0)));
  try {
    return checked("pidfd_getfd", Number(syscallCall()(SYS_pidfd_getfd, pidfd, fd, 0)));
  } finally {
    closeSync(pidfd);
  }
}

/** Does something with another process's descriptor, which is ours as well meanwhile. */
export function withDescriptor<T>(pid: number, fd: number, act: (ours: number) => T): T {
  const ours = takeDescriptor(pid, fd);
  try {
    return act(ours);
  } finally {
    closeSync(ours);
  }
}

/** An extended attribute of a file (xattr(7)) as text, without its zero byte: at most so many bytes of it. */
export function attributeOf(path: string, name: string, bytes: number): string {
  const value = Buffer.alloc(bytes);
  const length = checked("getxattr", Number(getxattrCall()(path, name, value, value.length)));
  return value.toString("latin1", 0, length).replace(/\0$/, "");
}

/** From now on orphans below this process become its children, instead of those of PID 1 (prctl(2)). */
export function becomeSubreaper(): void {
  const PR_SET_CHILD_SUBREAPER = 36;
  checked("prctl", prctlCall()(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

/** Has any child ended that nobody has waited for yet? It stays as it is. */
export function hasDeadChild(): boolean {
  const P_ALL = 0;
  const WNOHANG = 1;
  const WEXITED = 4;
  const WNOWAIT = 0x1000000;
  // `siginfo_t`: the signal's number comes first, and stays 0 where there is nobody.
  const info = Buffer.alloc(128);
  const result = waitidCall()(P_ALL, 0, info, WNOHANG | WEXITED | WNOWAIT);
  return result === 0 && info.readInt32LE(0) !== 0;
}

/** Takes the exit of this child, so that it is a zombie no longer. False where there is no such dead child. */
export function takeExit(pid: number): boolean {
  const WNOHANG = 1;
  return waitpidCall()(pid, Buffer.alloc(4), WNOHANG) === pid;
}

/** Bytes of a page of memory, which /proc counts in. */
export function pageSize(): number {
  return getpagesizeCall()();
}

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** A user by name or by number, through the system's name service (LDAP included). */
export function findUser(name: string | number): Account | undefined {
  const pointer = typeof name === "number" ? getpwuidCall(name) : getpwnamCall(name);
  if (pointer === null) return undefined;
  const { name: login, uid, gid, home } = koffi.decode(pointer, Passwd) as Account;
  return { name: login, uid, gid, home };
}

/** A group by name or by number. */
export function findGroup(name: string | number): { name: string; gid: number } | undefined {
  const pointer = typeof name === "number" ? getgrgidCall(name) : getgrnamCall(name);
  if (pointer === null) return undefined;
  const { name: title, gid } = koffi.decode(pointer, Group) as { name: string; gid: number };
  return { name: title, gid };
}
