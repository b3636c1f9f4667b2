/** What `fcgi-pm request` prints of an answer. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { endRequest, stdout } from "../../src/fastcgi/wire/record.ts";
import { answer, said } from "../fastcgi/scripted-app.ts";
import { until } from "../helpers/wait.ts";
import { hello, useAsking } from "./asking.ts";

jest.setTimeout(60_000);
const { stage, ask, application } = useAsking();

describe("what is printed", () => {
  test("is the body alone, byte by byte", async () => {
    const { code, stdout: body, stderr } = await ask(answer(hello));
    expect([code, body, stderr]).toEqual([0, "hello\n", ""]);
  });

  test("is status and headers before it with -i, and without it with -I, which asks with HEAD", async () => {
    const head = "HTTP/1.1 200 Fine\r\nContent-Type: text/plain\r\nX-A: b\r\n\r\n";
    expect((await ask(answer(hello), "-i")).stdout).toBe(`${head}hello\n`);
    const { stdout: printed, app } = await ask(answer(hello), "-I");
    expect(printed).toBe(head);
    expect(app.heard[0]?.params.get("REQUEST_METHOD")).toBe("HEAD");
  });

  test("has the usual reason where the program writes none", async () => {
    expect((await ask(answer("Status: 404\n\n"), "-i")).stdout).toBe("HTTP/1.1 404 Not Found\r\n\r\n");
  });

  test("goes to a file with -o, without a byte on standard output", async () => {
    const file = join(stage.directory, "body");
    const body = Buffer.from([0, 1, 2, 255]);
    const said = answer(Buffer.concat([Buffer.from("A: b\n\n"), body]));
    expect(await ask(said, "-o", file)).toMatchObject({ code: 0, stdout: "", stderr: "" });
    expect(readFileSync(file)).toEqual(body);
  });

  test("goes to a file however long it is", async () => {
    const file = join(stage.directory, "body");
    const body = Buffer.alloc(40_000_000, "x");
    expect(await ask(answer(Buffer.concat([Buffer.from("A: b\n\n"), body])), "-o", file)).toMatchObject({
      code: 0,
      stderr: "",
    });
    expect(readFileSync(file).equals(body)).toBe(true);
  });

  test("of the program's stderr goes to standard error, harmless for terminals, and nowhere with -s", async () => {
    const says = answer(hello, { stderr: "oops \x1b[2J\n" });
    expect(await ask(says)).toMatchObject({ code: 0, stdout: "hello\n", stderr: "oops \\x1b[2J" });
    expect(await ask(says, "-s")).toMatchObject({ code: 0, stdout: "hello\n", stderr: "" });
  });

  test("comes as it comes: a piece is there before the next one is sent", async () => {
    const sockets: Socket[] = [];
    const app = await application((_heard, socket) => {
      sockets.push(socket);
      socket.write(Buffer.concat([...stdout(1, Buffer.from("A: b\n\none\n")), ...said("first\n")]));
    });
    const running = stage.start("request", "--socket", app.path);
    await until(() => running.output() === "one\n", { what: "the first piece" });
    sockets[0]?.end(answer("two\n"));
    expect(await running.ended).toMatchObject({ code: 0, stdout: "one\ntwo\n", stderr: "first" });
  });

  test("is large and on its way to a slow reader: the program is held back, and memory is bounded", async () => {
    const piece = Buffer.concat([...stdout(1, Buffer.alloc(65_528, "x"))]);
    let written = 0;
    const app = await application(async (_heard, socket) => {
      socket.write(Buffer.concat([...stdout(1, Buffer.from("A: b\n\n"))]));
      for (; written < 2000; written += 1) if (!socket.write(piece)) await once(socket, "drain");
      socket.end(endRequest(1, { appStatus: 0, protocolStatus: 0 }));
    });
    const running = stage.start("request", "--socket", app.path, "--timeout", "0");
    running.child.stdout?.pause();
    const highest = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${running.child.pid}/status`, "utf8"))?.[1]);
    await until(() => written > 0, { what: "the first pieces" });
    const before = highest();
    let bytes = 0;
    running.child.stdout?.removeAllListeners("data");
    running.child.stdout?.setEncoding("latin1").on("data", (text: string) => {
      bytes += text.length;
    });
    running.child.stdout?.resume();
    await until(() => bytes > 100_000_000, { what: "most of the answer", timeoutMs: 30_000 });
    const grown = highest() - before;
    expect(await running.ended).toMatchObject({ code: 0, stderr: "" });
    expect(bytes).toBe(2000 * 65_528);
    expect(grown).toBeLessThan(60_000);
  });

  test("ends without a word when its reader has gone", async () => {
    const app = await application((_heard, socket) => socket.end(answer(`A: b\n\n${"line\n".repeat(200_000)}`)));
    const running = stage.start("request", "--socket", app.path);
    running.child.stdout?.destroy();
    expect(await running.ended).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("on a terminal", () => {
  const size = { columns: 80, rows: 24 };
  const onTerminal = async (says: Buffer, ...args: string[]) => {
    const app = await application(says);
    return stage.onTerminal(size, "request", "--socket", app.path, ...args).ended;
  };

  test("the program's stderr has its own colour, which a pipe never sees", async () => {
    const { stdout: shown } = await onTerminal(answer(hello, { stderr: "careful\n" }));
    expect(shown).toContain("\x1b[33mcareful");
    expect((await ask(answer(hello, { stderr: "careful\n" }))).stderr).toBe("careful");
  });

  test("the answer does not begin in the middle of a line of the program's stderr", async () => {
    const { stdout: shown } = await onTerminal(answer(hello, { stderr: "PHP message: no line end" }));
    expect(shown.replaceAll(/\x1b\[\d+m/g, "")).toMatch(/^PHP message: no line end\r?\nhello/);
  });

  test("a binary body is refused, unless -o - asks for it", async () => {
    const says = answer("A: b\n\n\u0000\u0001");
    const refused = await onTerminal(says);
    expect(refused.code).toBe(2);
    expect(refused.stdout).toContain("try: -o FILE, or -o -");
    expect(refused.stdout).not.toContain("\u0000");
    expect((await onTerminal(says, "-o", "-")).stdout).toContain("\u0000\u0001");
  });

  test("headers cannot move the cursor", async () => {
    const { stdout: shown } = await onTerminal(answer("X: a\u009b2Jb\n\nhi"), "-i");
    expect(shown).toContain("X: a\\x9b2Jb");
  });
});

describe("-v", () => {
  test("shows every record in both directions with its time, the parameters one a line, and how long all took", async () => {
    const { stderr, stdout: body } = await ask(
      answer(hello, { stderr: "careful", appStatus: 7 }),
      "-v",
      "-d",
      "a=1",
      "--keep-conn",
    );
    expect(body).toBe("hello\n");
    const lines = stderr.split("\n").map((line) => line.replace(/^ *[\d.]+ms /, ""));
    for (const part of [
      expect.stringMatching(/^\* connected to \/.*app.sock$/),
      "> BEGIN_REQUEST id=1 role=responder keep_conn",
      expect.stringMatching(/^> PARAMS \d+ bytes$/),
      expect.stringMatching(/^ +SCRIPT_NAME=$/),
      expect.stringMatching(/^ +GATEWAY_INTERFACE=CGI\/1.1$/),
      "> PARAMS end",
      "> STDIN 3 bytes",
      "> STDIN end",
      "< STDERR 7 bytes",
      "careful",
      "< STDOUT 60 bytes",
      "< END_REQUEST app_status=7 REQUEST_COMPLETE",
      expect.stringMatching(/^connect [\d.]+ms, first byte [\d.]+ms, total [\d.]+ms$/),
    ])
      expect(lines).toContainEqual(part);
  });

  test("shows what a hostile header or answer holds on one line", async () => {
    const { stderr } = await ask(answer("x"), "-v", "--param", "A=\x1b[2J\nB=c");
    expect(stderr).toContain("A=\\x1b[2J\\x0aB=c");
  });

  test("--timing shows only how long it took", async () => {
    const { stderr } = await ask(answer(hello), "--timing");
    expect(stderr).toMatch(/^connect [\d.]+ms, first byte [\d.]+ms, total [\d.]+ms$/);
  });
});

describe("--json", () => {
  test("is one object with all that is known", async () => {
    const {
      code,
      stdout: printed,
      stderr,
    } = await ask(answer(hello, { stderr: "careful", appStatus: 7 }), "--json", "/a");
    expect([code, stderr, printed.trimEnd().includes("\n")]).toEqual([0, "", false]);
    const said = JSON.parse(printed);
    expect(said).toMatchObject({
      version: 1,
      app: null,
      status: 200,
      reason: "Fine",
      headers: [
        ["Content-Type", "text/plain"],
        ["X-A", "b"],
      ],
      body: "hello\n",
      bodyEncoding: "utf-8",
      stderr: "careful",
      appStatus: 7,
      protocolStatus: "REQUEST_COMPLETE",
      error: null,
    });
    expect(said.params).toContainEqual(["PATH_INFO", "/a"]);
    expect(said.timing.totalMs).toBeGreaterThanOrEqual(said.timing.firstByteMs);
  });

  test("has a body that is no text as base64, or in a file", async () => {
    const says = answer(Buffer.concat([Buffer.from("A: b\n\n"), Buffer.from([255, 0])]));
    expect(JSON.parse((await ask(says, "--json")).stdout)).toMatchObject({ body: "/wA=", bodyEncoding: "base64" });
    const file = join(stage.directory, "body");
    expect(JSON.parse((await ask(says, "--json", "-o", file)).stdout)).toMatchObject({ body: null, status: 200 });
    expect(readFileSync(file)).toEqual(Buffer.from([255, 0]));
  });

  test("has the error with its code, and what had come until then", async () => {
    const cut = Buffer.concat([...stdout(1, Buffer.from("Status: 500\n\nhalf")), ...said("dying")]);
    const { code, stdout: printed, stderr } = await ask(cut, "--json");
    expect([code, stderr]).toEqual([1, ""]);
    expect(JSON.parse(printed)).toMatchObject({
      status: 500,
      body: "half",
      stderr: "dying",
      appStatus: null,
      protocolStatus: null,
      error: { code: "FCGI_ANSWER_CUT_SHORT", remedy: expect.any(String) },
    });
  });

  test("shows the beginning of what is no CGI response", async () => {
    const { stdout: printed } = await ask(answer("no headers"), "--json");
    expect(JSON.parse(printed)).toMatchObject({
      status: null,
      headers: null,
      body: "no headers",
      error: { code: "FCGI_ANSWER_MALFORMED" },
    });
  });

  test("tells wrong usage as all commands do", async () => {
    const { code, stderr } = await stage.run("request", "--json", "--as", "iis");
    expect([code, JSON.parse(stderr).error.code]).toEqual([2, "FCGI_PM_USAGE_WRONG"]);
  });
});
