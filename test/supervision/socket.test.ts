import { expect, test } from "@jest/globals";
import { formatAddress, isLoopback, judgeSocket, longestSocketPath } from "../../src/supervision/socket.ts";

test("a path where nothing stands may be bound", () => {
  expect(judgeSocket({ kind: "absent" }, undefined)).toBe("absent");
});

test("a socket that vanished between lstat and connect is absent", () => {
  expect(judgeSocket({ kind: "socket" }, "ENOENT")).toBe("absent");
});

test("only where the kernel says that nobody listens a socket is stale", () => {
  expect(judgeSocket({ kind: "socket" }, "ECONNREFUSED")).toBe("stale");
});

test.each(["connected", "EAGAIN", "EACCES", "EPROTOTYPE", "ETIMEDOUT", "something new"])(
  "a socket that answers %s is in use, or may be: it is not touched",
  (probe) => {
    expect(judgeSocket({ kind: "socket" }, probe)).toBe("in-use");
  },
);

test("a socket that was not probed is not touched", () => {
  expect(judgeSocket({ kind: "socket" }, undefined)).toBe("in-use");
});

test("what is not a socket is not touched, whatever a connect says", () => {
  expect(judgeSocket({ kind: "other", what: "a regular file" }, undefined)).toBe("not-a-socket");
  expect(judgeSocket({ kind: "other", what: "a directory" }, "ECONNREFUSED")).toBe("not-a-socket");
});

test("loopback addresses are those that only this machine reaches", () => {
  expect(["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"].every(isLoopback)).toBe(true);
  expect(["0.0.0.0", "::", "10.0.0.1", "1.127.0.0", "fe80::1"].some(isLoopback)).toBe(false);
});

test("an address is written as it is read", () => {
  expect(formatAddress("127.0.0.1", 9000)).toBe("127.0.0.1:9000");
  expect(formatAddress("::1", 9000)).toBe("[::1]:9000");
});

test("the longest path leaves room for its closing zero", () => {
  expect(longestSocketPath).toBe(107);
});
