import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import type { Address } from "../../src/fastcgi/address.ts";
import { type RequestOptions, request, type StreamListener, streamRequest } from "../../src/fastcgi/client.ts";
import type { ExchangeOptions } from "../../src/fastcgi/exchange.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { RecordDecoder } from "../../src/fastcgi/wire/decoder.ts";
import { encodeRecord, endOfStream, endRequest, stderr, stdout } from "../../src/fastcgi/wire/record.ts";
import { findPort, makeDirectory, needProgram, run, Undo, until, untilStill } from "./peers.ts";

jest.setTimeout(60_000);
const undo = new Undo();
afterEach(() => undo.all());

const complete = { appStatus: 0, protocolStatus: 0 };
const text = (...records: (Uint8Array | Iterable<Uint8Array>)[]) =>
  Buffer.concat(records.flatMap((record) => (record instanceof Uint8Array ? [record] : [...record])));
const fine = text(
  stdout(1, Buffer.from("Content-Type: text/plain\n\nhello")),
  endOfStream(6, 1),
  endRequest(1, complete),
);

/** An application that does what it is told to with each connection, once the request's STDIN is over. */
async function application(answer: (socket: Socket) => unknown): Promise<Address> {
  const path = join(makeDirectory(undo), "app.sock");
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const decoder = new RecordDecoder();
    undo.add(() => socket.destroy());
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      const ended = decoder.push(chunk).some(({ type, content }) => type === 5 && content.length === 0);
      if (ended) answer(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  undo.add(() => new Promise((resolve) => server.close(resolve)));
  return { kind: "unix", path };
}

const ask = (listen: Address, options: Partial<RequestOptions> = {}) =>
  request({ listen, params: { REQUEST_METHOD: "GET" }, timeoutMs: 60_000, ...options });
const says = (bytes: Uint8Array) => application((socket) => socket.write(bytes));

describe("an answer", () => {
  test("has status, headers in order, body, stderr, both statuses, and times that follow each other", async () => {
    const head = "Status: 404 Not here\r\nSet-Cookie: a\r\nX: y\r\nset-cookie: b\r\n\r\n\u0000body";
    const end = endRequest(1, { appStatus: 4_000_000_000, protocolStatus: 0 });
    const answer = await ask(await says(text(stderr(1, Buffer.from("oops")), stdout(1, Buffer.from(head)), end)));
    expect(answer).toMatchObject({ status: 404, reason: "Not here", appStatus: 4_000_000_000, protocolStatus: 0 });
    expect(answer.headers).toEqual([
      ["Set-Cookie", "a"],
      ["X", "y"],
      ["set-cookie", "b"],
    ]);
    expect([answer.header("SET-COOKIE"), answer.header("Y")]).toEqual(["b", undefined]);
    expect(answer.body.toString()).toBe("\u0000body");
    expect(answer.stderr.toString()).toBe("oops");
    const { connectMs = -1, firstByteMs = -1, totalMs } = answer.timing;
    expect(connectMs).toBeGreaterThanOrEqual(0);
    expect(firstByteMs).toBeGreaterThanOrEqual(connectMs);
    expect(totalMs).toBeGreaterThanOrEqual(firstByteMs);
  });

  test("may come a byte at a time", async () => {
    const listen = await application((socket) => {
      for (const byte of fine) socket.write(Uint8Array.of(byte));
    });
    expect((await ask(listen)).body.toString()).toBe("hello");
  });

  test.each([
    ["is 200 without Status", "Content-Type: a/b\n\n", 200],
    ["is 302 with a Location alone", "Location: /x\n\n", 302],
    ["is what Status says in spite of a Location", "Location: /x\nStatus: 201\n\n", 201],
    ["may mix its line ends", "A: b\r\nStatus:  299  Odd \n\r\n", 299],
    ["may have no header at all", "\n", 200],
  ])("%s", async (_name, head, status) => {
    expect((await ask(await says(text(stdout(1, Buffer.from(head)), endRequest(1, complete))))).status).toBe(status);
  });
});

describe("an answer is refused", () => {
  const followed = (bytes: Uint8Array) => text(fine, bytes);
  test.each<[string, string, Uint8Array]>([
    ["when another id is on the wire", "FCGI_PROTOCOL_VIOLATED", text(stdout(2, Buffer.from("\n")))],
    ["when a management record is on the wire", "FCGI_PROTOCOL_VIOLATED", encodeRecord(10, 0)],
    ["when another version is on the wire", "FCGI_PROTOCOL_VIOLATED", Buffer.from("HTTP/1.1 200 OK\r\n")],
    ["when it has a type that applications do not send", "FCGI_PROTOCOL_VIOLATED", encodeRecord(5, 1)],
    ["when a record follows its end", "FCGI_PROTOCOL_VIOLATED", followed(endOfStream(6, 1))],
    ["when a piece of a record follows its end", "FCGI_PROTOCOL_VIOLATED", followed(Uint8Array.of(1, 6))],
    [
      "when STDOUT goes on after its end",
      "FCGI_PROTOCOL_VIOLATED",
      text(endOfStream(6, 1), stdout(1, Buffer.from("x"))),
    ],
    ["when END_REQUEST is too short", "FCGI_PROTOCOL_VIOLATED", encodeRecord(3, 1, Uint8Array.of(0))],
    ["when it is longer than asked for", "FCGI_ANSWER_TOO_LARGE", text(stdout(1, Buffer.alloc(1001)))],
    ["when the application does so", "FCGI_REQUEST_REFUSED", endRequest(1, { appStatus: 0, protocolStatus: 2 })],
    ["when it is empty", "FCGI_ANSWER_MALFORMED", text(endOfStream(6, 1), endRequest(1, complete))],
    [
      "when its headers do not end",
      "FCGI_ANSWER_MALFORMED",
      text(stdout(1, Buffer.from("A: b\n")), endRequest(1, complete)),
    ],
    [
      "when a line is no header",
      "FCGI_ANSWER_MALFORMED",
      text(stdout(1, Buffer.from("HTTP/1.1 200 OK\n\n")), endRequest(1, complete)),
    ],
    [
      "when Status is none",
      "FCGI_ANSWER_MALFORMED",
      text(stdout(1, Buffer.from("Status: OK\n\n")), endRequest(1, complete)),
    ],
  ])("%s", async (_name, code, bytes) => {
    const listen = await says(bytes);
    await expect(ask(listen, { maxAnswerBytes: 1000 })).rejects.toMatchObject({ name: "FastCgiError", code });
  });

  test.each([
    ["before a word", new Uint8Array(0)],
    ["in a record", fine.subarray(0, 20)],
    ["before END_REQUEST", fine.subarray(0, fine.length - 16)],
    ["in the padding of END_REQUEST", text(Uint8Array.of(1, 3, 0, 1, 0, 8, 9, 0), new Uint8Array(16))],
  ])("when the connection closes %s: that is no end", async (_name, bytes) => {
    const listen = await application((socket) => socket.end(bytes));
    await expect(ask(listen)).rejects.toMatchObject({ code: "FCGI_ANSWER_CUT_SHORT" });
  });

  test("and what had come until then is not lost", async () => {
    const listen = await application((socket) => socket.end(text(stderr(1, Buffer.from("last words")))));
    const error = await ask(listen).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ partial: { appStatus: undefined, protocolStatus: undefined } });
    expect((error as { partial: { stderr: Buffer } }).partial.stderr.toString()).toBe("last words");
  });

  test("when it does not come in time", async () => {
    const listen = await application(() => {});
    await expect(ask(listen, { timeoutMs: 1500 })).rejects.toMatchObject({
      code: "FCGI_TIMED_OUT",
      message: "Cannot get an answer: not done in 1500 ms",
    });
  });
});

describe("nobody to connect to", () => {
  const path = join("/nonexistent", "app.sock");
  test.each<[string, Address, string]>([
    ["a path that is not there", { kind: "unix", path }, "ENOENT"],
    ["a path that Node would cut off", { kind: "unix", path: `/${"x".repeat(120)}` }, "ENAMETOOLONG"],
  ])("is told with the system's name: %s", async (_name, listen, errno) => {
    await expect(ask(listen)).rejects.toMatchObject({ code: "FCGI_CONNECT_FAILED", errno });
  });

  test("is told with the system's name: a port where nobody listens", async () => {
    const port = await findPort();
    const message = `Cannot connect to 127.0.0.1:${port}: ECONNREFUSED`;
    const asked = ask({ kind: "tcp", host: "127.0.0.1", port });
    await expect(asked).rejects.toMatchObject({ code: "FCGI_CONNECT_FAILED", errno: "ECONNREFUSED", message });
  });
});

describe("stdin", () => {
  /** Echoes STDIN back; reads only when told to. */
  async function echoing(): Promise<{ listen: Address; release: () => void }> {
    const path = join(makeDirectory(undo), "app.sock");
    const pieces: Uint8Array[] = [];
    let release = () => {};
    const server = createServer((socket) => {
      const decoder = new RecordDecoder();
      undo.add(() => socket.destroy());
      socket.on("data", (chunk) => {
        const stdin = decoder.push(chunk).filter(({ type }) => type === 5);
        pieces.push(...stdin.map(({ content }) => content));
        if (!stdin.some(({ content }) => content.length === 0)) return;
        socket.write(text(stdout(1, Buffer.from("\n")), stdout(1, Buffer.concat(pieces)), endRequest(1, complete)));
      });
      socket.pause();
      release = () => socket.resume();
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    undo.add(() => new Promise((resolve) => server.close(resolve)));
    return { listen: { kind: "unix", path }, release: () => release() };
  }

  test("is asked for no faster than the application reads, and arrives whole", async () => {
    const { listen, release } = await echoing();
    let made = 0;
    async function* pieces() {
      for (; made < 200; made += 1) yield Buffer.alloc(50_000, made);
    }
    const asked = ask(listen, { stdin: pieces() });
    await until(() => made > 0);
    expect(await untilStill(() => made)).toBeLessThan(50);
    release();
    const { body } = await asked;
    expect(body.length).toBe(200 * 50_000);
    expect(body.at(-1)).toBe(199);
  });

  test("may be a string, which is sent as UTF-8", async () => {
    const { listen, release } = await echoing();
    let body: Buffer | undefined;
    const asked = ask(listen, { stdin: "grün\n" }).then((answer) => {
      body = answer.body;
    });
    // It is paused when it connects, whenever that is.
    const hasAnswer = () => {
      release();
      return body !== undefined;
    };
    await until(hasAnswer);
    await asked;
    expect(String(body)).toBe("grün\n");
  });

  test("that fails fails the request with the same error", async () => {
    const { listen } = await echoing();
    // biome-ignore lint/correctness/useYield: it fails before it has anything.
    async function* failing(): AsyncGenerator<Uint8Array> {
      throw new RangeError("no more");
    }
    await expect(ask(listen, { stdin: failing() })).rejects.toThrow(new RangeError("no more"));
  });
});

/** Waits until somebody accepts connections there. */
async function untilListening(address: { path: string } | { host: string; port: number }): Promise<void> {
  for (let isListening = false; !isListening; ) {
    isListening = await new Promise<boolean>((resolve) => {
      const socket = connect(address);
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
  }
}

describe("php-cgi", () => {
  async function php(source: string) {
    const directory = makeDirectory(undo);
    const port = await findPort();
    mkdirSync(join(directory, "root"));
    writeFileSync(join(directory, "root", "a.php"), source);
    run(undo, needProgram("php-cgi"), ["-n", "-b", `127.0.0.1:${port}`]);
    await untilListening({ host: "127.0.0.1", port });
    const web = { uri: "/a.php/info?x=%20", scriptName: "/a.php", documentRoot: join(directory, "root") };
    return { listen: { kind: "tcp", host: "127.0.0.1", port } as const, web };
  }

  test("answers what its script says", async () => {
    const source = `<?php http_response_code(418); header("X-A: b"); error_log("logged");
      echo $_SERVER["REQUEST_METHOD"], " ", $_SERVER["PATH_INFO"], " ", $_GET["x"], "|", file_get_contents("php://input");`;
    const { listen, web } = await php(source);
    const stdin = Buffer.alloc(300_000, "z");
    const params = webServerParams({ ...web, method: "POST", contentLength: stdin.length, contentType: "text/plain" });
    const answer = await request({ listen, params, stdin, timeoutMs: 60_000 });
    expect(answer.status).toBe(418);
    expect(answer.header("x-a")).toBe("b");
    expect(answer.body.toString()).toBe(`POST /info  |${stdin}`);
    expect(answer.stderr.toString()).toContain("logged");
  });

  test("answers on a connection that it was asked to keep", async () => {
    const { listen, web } = await php("<?php echo 'kept';");
    const answer = await request({ listen, params: webServerParams(web), timeoutMs: 60_000, keepConnection: true });
    expect(answer.body.toString()).toBe("kept");
  });
});

describe("a C program on libfcgi", () => {
  async function program() {
    const directory = makeDirectory(undo);
    const [file, path] = [join(directory, "echo"), join(directory, "app.sock")];
    const source = fileURLToPath(new URL("./programs/libfcgi-echo.c", import.meta.url));
    execFileSync(needProgram("gcc"), ["-o", file, source, "-lfcgi"]);
    run(undo, needProgram("spawn-fcgi"), ["-n", "-s", path, "--", file]);
    await untilListening({ path });
    return { kind: "unix", path } as const;
  }
  const params = (scriptName: string) => webServerParams({ uri: scriptName });

  test("answers with headers, body, stderr and its own status", async () => {
    const listen = await program();
    const stdin = Buffer.alloc(200_000, "c");
    const answer = await request({ listen, params: params("/echo"), stdin, timeoutMs: 60_000 });
    expect(answer).toMatchObject({ status: 203, reason: "Fine", appStatus: 7 });
    expect(answer.headers).toEqual([
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=2"],
      ["Content-Type", "text/plain"],
    ]);
    expect(answer.body.toString()).toBe(`/echo:${stdin}`);
    expect(answer.stderr.toString()).toBe("a word on stderr");
  });

  test("answers although it reads nothing of a large stdin", async () => {
    const stdin = Buffer.alloc(3_000_000);
    const answer = await request({
      listen: await program(),
      params: params("/ignores-stdin"),
      stdin,
      timeoutMs: 60_000,
    });
    expect(answer.body.toString()).toBe("/ignores-stdin:");
  });

  test("that dies cuts its answer short", async () => {
    const listen = await program();
    const asked = request({ listen, params: params("/dies"), timeoutMs: 60_000 });
    await expect(asked).rejects.toMatchObject({ code: "FCGI_ANSWER_CUT_SHORT" });
  });
});

describe("a streamed answer", () => {
  /** Takes an answer, and notes what it is told, in order. */
  async function stream(listen: Address, options: Partial<ExchangeOptions & StreamListener> = {}) {
    const told: string[] = [];
    const { body, head, stderr: onStderr, connected, sent, received, ...asked } = options;
    const ended = streamRequest(
      { listen, params: { REQUEST_METHOD: "GET" }, timeoutMs: 60_000, ...asked },
      {
        head: head ?? (({ status }) => void told.push(`head ${status}`)),
        body: body ?? ((piece) => void told.push(`body ${Buffer.from(piece)}`)),
        stderr: onStderr ?? ((piece) => void told.push(`stderr ${Buffer.from(piece)}`)),
        ...(connected && { connected }),
        ...(sent && { sent }),
        ...(received && { received }),
      },
    );
    return { told, ended: await ended.catch((error: unknown) => ({ error })) };
  }

  test("has its head once, then its body, with stderr where it came", async () => {
    const pieces = ["Status: 201\nA: b\n\nbo", "dy"].flatMap((part) => [...stdout(1, Buffer.from(part))]);
    const [first = new Uint8Array(0), second = new Uint8Array(0)] = pieces;
    const listen = await says(text(first, stderr(1, Buffer.from("oops")), second, endRequest(1, complete)));
    const { told, ended } = await stream(listen);
    expect(told).toEqual(["head 201", "body bo", "stderr oops", "body dy"]);
    expect(ended).toMatchObject({ head: { status: 201, headers: [["A", "b"]] }, appStatus: 0, protocolStatus: 0 });
  });

  test.each(["A: b\n\nbody", "A: b\r\n\r\nbody", "\nbody", "\r\nbody"])(
    "may come a byte at a time: %j",
    async (answer) => {
      const bytes = Buffer.from(answer);
      const records = [...bytes].map((byte) => text(stdout(1, Uint8Array.of(byte))));
      const { told } = await stream(await says(text(...records, endRequest(1, complete))));
      expect(told.join(" ")).toBe("head 200 body b body o body d body y");
    },
  );

  test("that is no CGI response is refused at its end: its stderr is heard, and its first bytes are kept", async () => {
    const bytes = text(stdout(1, Buffer.from("Oh no\n\n")), stderr(1, Buffer.from("why")), endRequest(1, complete));
    const { told, ended } = await stream(await says(bytes));
    expect(told).toEqual(["stderr why"]);
    expect(ended).toMatchObject({
      error: { code: "FCGI_ANSWER_MALFORMED", partial: { stdout: Buffer.from("Oh no\n\n") } },
    });
  });

  test("whose head does not end is refused without being kept as a whole", async () => {
    const { ended } = await stream(await says(text(stdout(1, Buffer.alloc(3_000_000, "a")), endRequest(1, complete))));
    const { error } = ended as { error: { code: string; partial: { stdout: Buffer } } };
    expect([error.code, error.partial.stdout.length]).toEqual(["FCGI_ANSWER_MALFORMED", 4096]);
  });

  test("comes no faster than it is taken, and the time for that is not counted", async () => {
    let written = 0;
    const listen = await application(async (socket) => {
      socket.write(text(stdout(1, Buffer.from("\n"))));
      for (; written < 200 && !socket.destroyed; written += 1) {
        if (!socket.write(text(stdout(1, Buffer.alloc(60_000)))))
          await new Promise((done) => socket.once("drain", done));
      }
      socket.write(endRequest(1, complete));
    });
    let bytes = 0;
    let isHeld = true;
    let release = () => {};
    const held = new Promise<undefined>((resolve) => {
      release = () => resolve(undefined);
    });
    const body = (piece: Uint8Array) => {
      bytes += piece.length;
      return isHeld ? held : undefined;
    };
    const streamed = stream(listen, { body, timeoutMs: 4000 });
    await until(() => bytes > 0);
    // Longer than the limit, which stands still.
    await pause(4200);
    expect(await untilStill(() => written)).toBeLessThan(50);
    isHeld = false;
    release();
    expect((await streamed).ended).toMatchObject({ head: { status: 200 } });
    expect(bytes).toBe(200 * 60_000);
  });

  test("ends with what whoever takes it throws, at once or later", async () => {
    const refuse = () => {
      throw new RangeError("enough");
    };
    for (const body of [refuse, async () => refuse()]) {
      const { ended } = await stream(await says(fine), { body });
      expect(ended).toEqual({ error: new RangeError("enough") });
    }
  });

  test("that is taken slowly is not cut short by the end of its connection", async () => {
    const listen = await application((socket) => socket.end(fine));
    const { told, ended } = await stream(listen, { head: () => pause(50, undefined) });
    expect([told, ended]).toEqual([["body hello"], expect.objectContaining({ appStatus: 0 })]);
  });

  test("can be watched record by record, in both directions", async () => {
    const seen: string[] = [];
    await stream(await says(fine), {
      connected: () => seen.push("connected"),
      sent: (record) => seen.push(`> ${record[1]}`),
      received: ({ type }) => seen.push(`< ${type}`),
    });
    expect(seen).toEqual(["connected", "> 1", "> 4", "> 4", "> 5", "< 6", "< 6", "< 3"]);
  });

  test("may be that of a filter, which gets its data after its stdin", async () => {
    const sent: number[] = [];
    const path = join(makeDirectory(undo), "app.sock");
    const server = createServer((socket) => {
      const decoder = new RecordDecoder();
      undo.add(() => socket.destroy());
      socket.on("data", (chunk) => {
        const records = decoder.push(chunk);
        sent.push(...records.map(({ type }) => type));
        if (records.some(({ type, content }) => type === 8 && content.length === 0)) socket.write(fine);
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    undo.add(() => new Promise((resolve) => server.close(resolve)));
    const { ended } = await stream(
      { kind: "unix", path },
      { role: 3, stdin: Buffer.from("a"), data: Buffer.from("b") },
    );
    expect(ended).toMatchObject({ head: { status: 200 } });
    expect(sent).toEqual([1, 4, 4, 5, 5, 8, 8]);
  });
});

test("a connection that is not made in its own time is given up", async () => {
  // Nobody answers at this address, which is kept for documentation (RFC 5737).
  const listen = { kind: "tcp", host: "192.0.2.1", port: 9000 } as const;
  const asked = request({ listen, params: {}, timeoutMs: 60_000, connectTimeoutMs: 30 });
  await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/FCGI_(TIMED_OUT|CONNECT_FAILED)/) });
});
