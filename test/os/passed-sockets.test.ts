import { execFileSync } from "node:child_process";
import { closeSync, lstatSync, openSync, renameSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { bindTcp, bindUnix } from "../../src/os/listener.ts";
import { adopt, inherit } from "../../src/os/passed-listener.ts";
import { examine, isAt, type PassedSocket, refuseMisfits } from "../../src/os/passed-sockets.ts";
import {
  bind,
  inetAddress,
  listen,
  openDatagramSocket,
  openSocket,
  takeDescriptor,
  unixAddress,
} from "../../src/os/posix.ts";
import { discard, scratch } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";

let directory = "";
const opened: number[] = [];

beforeEach(() => {
  directory = scratch();
});

afterEach(() => {
  for (const fd of opened.splice(0)) tryClose(fd);
  discard(directory);
});

function tryClose(fd: number): void {
  try {
    closeSync(fd);
  } catch {} // a test has closed it
}

function kept(fd: number): number {
  opened.push(fd);
  return fd;
}

function listening(fd: number, address: Buffer): PassedSocket {
  bind(kept(fd), address);
  listen(fd, 7);
  return examine({ fd, name: "x" }) as PassedSocket;
}

/** A Unix socket as a socket unit makes it: bound at its path. */
function unixSocket(name = "app.sock"): PassedSocket {
  return listening(openSocket("unix"), unixAddress(join(directory, name)));
}

const options = { backlog: 100, mode: 0o600 };

describe("a descriptor that was passed", () => {
  test("is described by where it listens", async () => {
    const port = await freePort();
    expect(unixSocket()).toMatchObject({ name: "x", at: { kind: "unix", path: join(directory, "app.sock") } });
    const v4 = listening(openSocket("ipv4"), inetAddress("127.0.0.1", port));
    expect(v4.at).toEqual({ kind: "tcp", host: "127.0.0.1", port });
    const v6 = listening(openSocket("ipv6"), inetAddress("::1", port));
    expect(v6.at).toEqual({ kind: "tcp", host: "::1", port });
  });

  test.each([
    ["a datagram socket", () => openDatagramSocket()],
    ["no socket", () => openSync("/dev/null", "r")],
    ["a socket that does not listen", () => openSocket("ipv4")],
    [
      "an abstract socket, which has no path for a web server",
      () => {
        const fd = openSocket("unix");
        bind(fd, unixAddress(`\0fcgi-pm-test-${process.pid}`));
        listen(fd, 1);
        return fd;
      },
    ],
  ])("is refused where it is %s", (what, open) => {
    const found = examine({ fd: kept(open()), name: "blog" });
    expect(found).toMatchObject({ what });
    expect(() => refuseMisfits([found])).toThrow(`which systemd passes as "blog": it is ${what}`);
  });

  test("is refused where nothing is open", () => {
    expect(examine({ fd: 9999, name: "blog" })).toEqual({ fd: 9999, name: "blog", what: "not open" });
  });
});

describe("the place of an app is that of a socket", () => {
  test("where the path leads to it, by whatever name", () => {
    const socket = unixSocket();
    const path = join(directory, "app.sock");
    expect(isAt(socket, { kind: "unix", path })).toBe(true);
    symlinkSync(directory, join(directory, "link"));
    expect(isAt(socket, { kind: "unix", path: join(directory, "link/app.sock") })).toBe(true);
    renameSync(path, join(directory, "moved.sock"));
    expect(isAt(socket, { kind: "unix", path })).toBe(false);
    expect(isAt(socket, { kind: "unix", path: join(directory, "moved.sock") })).toBe(true);
  });

  test("not where another socket has taken the path", () => {
    const socket = unixSocket();
    unlinkSync(join(directory, "app.sock"));
    const other = unixSocket();
    const place = { kind: "unix", path: join(directory, "app.sock") } as const;
    expect([isAt(socket, place), isAt(other, place)]).toEqual([false, true]);
  });

  test("where address and port are the same, however they are written", async () => {
    const port = await freePort();
    const socket = listening(openSocket("ipv6"), inetAddress("::1", port));
    expect(isAt(socket, { kind: "tcp", host: "0:0:0:0:0:0:0:1", port })).toBe(true);
    expect(isAt(socket, { kind: "tcp", host: "::", port })).toBe(false);
    expect(isAt(socket, { kind: "tcp", host: "::1", port: port + 1 })).toBe(false);
    expect(isAt(socket, { kind: "unix", path: "/x" })).toBe(false);
  });
});

describe("an inherited listener", () => {
  test("stays as it is, whatever is asked of it, and its path stays", () => {
    const socket = unixSocket();
    const path = join(directory, "app.sock");
    const before = statSync(path);
    const listener = inherit(socket);
    expect(listener).toMatchObject({ origin: "inherited", address: path, replacedStale: false });
    listener.setRights({ mode: 0o600, uid: 1, gid: 1 });
    listener.setBacklog(500);
    expect([listener.refuseNew(), listener.outlivesUs()]).toEqual([false, true]);
    expect(listener.queue()?.limit).toBe(7);
    const { mode, uid, gid, ino } = statSync(path);
    expect({ mode, uid, gid, ino }).toEqual({ mode: before.mode, uid: before.uid, gid: before.gid, ino: before.ino });
    listener.release();
    expect(lstatSync(path).isSocket()).toBe(true);
  });

  test("is not had where its path has gone", () => {
    const socket = unixSocket();
    unlinkSync(join(directory, "app.sock"));
    expect(() => inherit(socket)).toThrow(`${join(directory, "app.sock")} has gone`);
  });
});

describe("an adopted listener", () => {
  const path = () => join(directory, "app.sock");

  /** What a manager before us has bound, and left in the hands of systemd. */
  function left(): PassedSocket {
    const listener = bindUnix(path(), options);
    const fd = kept(duplicate(listener.fd));
    listener.leave();
    return examine({ fd, name: "x" }) as PassedSocket;
  }

  test("is ours: it gets the rights and the depth of its app, and its path goes when it is released", () => {
    const listener = adopt(left(), { kind: "unix", path: path() }, { backlog: 50, mode: 0o666 });
    expect(listener).toMatchObject({ origin: "adopted", address: path() });
    expect([statSync(path()).mode & 0o777, listener.queue()?.limit]).toEqual([0o666, 50]);
    expect([listener.isOurs(), listener.outlivesUs()]).toEqual([true, false]);
    listener.release();
    expect(lstatSync(path(), { throwIfNoEntry: false })).toBeUndefined();
  });

  test("keeps other managers away by its lock, and gives it back", () => {
    const listener = adopt(left(), { kind: "unix", path: path() }, options);
    expect(() => bindUnix(path(), options)).toThrow("another fcgi-pm");
    listener.leave();
    expect(lstatSync(join(directory, ".app.sock.lock"), { throwIfNoEntry: false })).toBeUndefined();
  });

  test("on a port takes connections again, though its door had been closed", async () => {
    const port = await freePort();
    const before = bindTcp("127.0.0.1", port, 10);
    const fd = kept(duplicate(before.fd));
    expect(before.refuseNew()).toBe(true);
    before.leave();
    const socket = examine({ fd, name: "x" }) as PassedSocket;
    const listener = adopt(socket, { kind: "tcp", host: "127.0.0.1", port }, { backlog: 20, mode: 0 });
    expect(listener.queue()).toEqual({ length: 0, limit: 20 });
    execFileSync("python3", ["-c", `import socket; socket.create_connection(("127.0.0.1", ${port}), timeout=10)`]);
    await until(() => listener.queue()?.length === 1, { what: "the connection to wait" });
    listener.release();
  });
});

/** The same socket under another number, as it comes from systemd. */
function duplicate(fd: number): number {
  // /proc/self/fd cannot be opened for a socket: our own process is asked for it.
  return takeDescriptor(process.pid, fd);
}
