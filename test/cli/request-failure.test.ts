/** How `fcgi-pm request` ends: every exit status, and what is said when there is no answer. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { stdout } from "../../src/fastcgi/wire/record.ts";
import { answer, said } from "../fastcgi/scripted-app.ts";
import { freePort } from "../helpers/webservers.ts";
import { runElsewhere } from "../os/elsewhere.ts";
import { hello, useAsking } from "./asking.ts";

jest.setTimeout(60_000);
const { stage, undo, ask, application } = useAsking();

/** For a process without root's rights, for whom nothing is forbidden. */
const askAndExplain = `
  import { request } from "./src/fastcgi/client.ts";
  import { explainFailure } from "./src/cli/request-failure.ts";
  const listen = { kind: "unix", path: process.argv[2] };
  request({ listen, params: {}, timeoutMs: 5000 }).catch((error) => {
    const { message, remedy, exitStatus } = explainFailure(error, { listen }, 0);
    console.log(JSON.stringify({ message, remedy, exitStatus }));
  });
`;

describe("the exit status is", () => {
  test.each([
    [0, "301", "Status: 301\nLocation: /x\n\n"],
    [4, "404", "Status: 404\n\nnot here\n"],
    [4, "500", "Status: 500\n\n"],
  ])("%d for a status of %s", async (code, _status, text) => {
    expect(await ask(answer(text))).toMatchObject({ code, stderr: "" });
  });

  test("3 where there is no socket, with the command that shows the sockets", async () => {
    const { code, stderr } = await stage.run("request", "--socket", join(stage.directory, "none.sock"));
    expect(code).toBe(3);
    expect(stderr).toMatch(/^error: Cannot connect to .*none.sock: there is no such socket\n {2}try: .*fcgi-pm status/);
  });

  test("3 where nobody listens any more, where there is no socket but a file, and where no port is open", async () => {
    const [left, file] = [join(stage.directory, "left.sock"), join(stage.directory, "file")];
    writeFileSync(file, "");
    // Only a process that ends without a word leaves its socket behind.
    execFileSync("/usr/bin/python3", ["-c", "import socket, sys; socket.socket(1).bind(sys.argv[1])", left]);
    const failure = async (...address: string[]) => {
      const { code, stderr } = await stage.run("request", ...address);
      return [code, /: ([^:]+)\n {2}try: /.exec(stderr)?.[1]];
    };
    expect(await failure("--socket", left)).toEqual([3, "nobody listens on it any more"]);
    expect(await failure("--socket", file)).toEqual([3, "it is no socket"]);
    expect(await failure("--port", String(await freePort()))).toEqual([3, "nobody listens there"]);
  });

  test("3 where the socket may not be used, with the directory or the mode that forbids it", async () => {
    const inside = join(stage.directory, "private", "app.sock");
    mkdirSync(join(stage.directory, "private"), { mode: 0o700 });
    const { path: mine } = await application(answer(hello));
    chmodSync(mine, 0o600);
    chmodSync(stage.directory, 0o755);
    const explain = (path: string) => JSON.parse(runElsewhere(askAndExplain, { argument: path, asNobody: true }));
    expect(explain(inside)).toMatchObject({
      exitStatus: 3,
      message: expect.stringMatching(/no right to enter .*private \(mode 0700, of user \d+, group \d+\)$/),
    });
    expect(explain(mine)).toMatchObject({ message: expect.stringMatching(/no right to write to it \(mode 0600, /) });
  });

  test("3 where the queue is full", async () => {
    const path = join(stage.directory, "full.sock");
    const source =
      "import socket,sys\ns=socket.socket(1); s.bind(sys.argv[1]); s.listen(0)\nc=[socket.socket(1) for _ in range(9)]\nfor x in c: x.setblocking(False)\nprint([x.connect_ex(sys.argv[1]) for x in c], flush=True)\nsys.stdin.read()";
    const child = spawn("/usr/bin/python3", ["-c", source, path], { stdio: ["pipe", "pipe", "inherit"] });
    undo.add(() => child.kill());
    await once(child.stdout, "data");
    const { code, stderr } = await stage.run("request", "--socket", path);
    expect([code, stderr]).toEqual([3, expect.stringContaining("its queue is full")]);
  });

  test("1 when the answer is cut short, with what had come", async () => {
    const cut = Buffer.concat([...stdout(1, Buffer.from("A: b\n\nhalf")), ...said("dying\n")]);
    const { code, stdout: body, stderr } = await ask(cut);
    expect([code, body]).toEqual([1, "half"]);
    expect(stderr).toMatch(
      /^dying\nerror: .*the connection closed before FCGI_END_REQUEST; 10 bytes had come, beginning with "A: b\\n\\nhalf"\n {2}try: /,
    );
  });

  test("1 when it is no CGI response, with the first bytes and the doctor's command", async () => {
    const {
      code,
      stdout: body,
      stderr,
    } = await ask(answer("Traceback (most recent call last):\n", { stderr: "why\n" }));
    expect([code, body]).toEqual([1, ""]);
    expect(stderr).toMatch(/^why\nerror: .*"Traceback \(most recent/);
    expect(stderr).toMatch(/try: fcgi-pm doctor --socket \/.*app.sock$/);
  });

  test("1 when it does not come in time", async () => {
    const { code, stderr } = await ask(() => {}, "--timeout", "1500ms");
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/did not answer in time: .*; nothing had come\n {2}try: /),
    ]);
  });

  test("1 when the application refuses the request, with what that means", async () => {
    const { code, stderr } = await ask(answer("", { status: 3 }), "--role", "authorizer");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/UNKNOWN_ROLE[\s\S]*try: .*--role responder/)]);
  });

  test("1 when something else than FastCGI listens there: of HTTP the call with curl is named", async () => {
    const { code, stderr } = await ask(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/version 72 is not FastCGI[\s\S]*try: an HTTP server listens there: curl --unix-socket /),
    ]);
  });

  test("1 when a server on a port says nothing: it may speak HTTP, and wait for the end of a line", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    undo.add(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await stage.run("request", "--port", String(port), "--timeout", "1500ms");
    expect([code, stderr]).toEqual([1, expect.stringMatching(`try: .*; curl http://127.0.0.1:${port}/ shows whether`)]);
  });

  test("1 when the file cannot be written, with the reason", async () => {
    const { code, stderr } = await ask(answer(hello), "-o", join(stage.directory, "no", "where"));
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/Cannot write the body to .*: there is no such directory\n/),
    ]);
    expect((await ask(answer(hello), "-o", stage.directory)).stderr).toContain(": it is a directory\n");
  });

  test("2 for an option of curl's that is not there, with what to type instead", async () => {
    const { code, stderr } = await stage.run("request", "-w", "%{http_code}", "--socket", "none.sock");
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^error: unknown option '-w'\n {2}try: --timing .*--json/),
    ]);
    const unix = await stage.run("request", "--unix-socket", "none.sock", "/");
    expect(unix.stderr).toMatch(/\n {2}try: --socket PATH$/);
  });

  test("the same with -s, which says nothing", async () => {
    const { code, stderr } = await stage.run("request", "-s", "--socket", join(stage.directory, "none.sock"));
    expect([code, stderr]).toEqual([3, ""]);
    const shown = await stage.run("request", "-sS", "--socket", join(stage.directory, "none.sock"));
    expect([shown.code, shown.stderr]).toEqual([3, expect.stringContaining("there is no such socket")]);
  });

  test.each([
    ["two addresses", ["--socket", "a", "--port", "9000"], "Give one of --socket"],
    ["a port that is none", ["--port", "http"], "expected a port"],
    ["a path without a slash", ["news", "--port", "9000"], "a path begins with /"],
    ["a URL with a user", ["http://me:pw@x/", "--port", "9000"], "Cannot take a user"],
    ["a header without a colon", ["-H", "Name", "--port", "9000"], "-H takes a header"],
    ["a header with a line end", ["-H", "A: b\nC: d", "--port", "9000"], "line end"],
    ["a parameter without a value", ["--param", "HTTPS", "--port", "9000"], "--param takes NAME=VALUE"],
    ["another web server", ["--as", "iis", "--port", "9000"], "--as takes nginx"],
    ["another role", ["--role", "king", "--port", "9000"], "--role takes responder"],
    ["a time without a unit", ["--timeout", "5", "--port", "9000"], "--timeout takes a time"],
    ["a file that is not there", ["-d", "@/nonexistent", "--port", "9000"], "there is no such file"],
    ["a body with HEAD", ["-I", "-d", "a", "--port", "9000"], "-I asks with HEAD"],
    ["a flag that does not exist", ["--bogus"], "unknown option"],
  ])("2 for %s", async (_what, args, says) => {
    const { code, stdout: printed, stderr } = await stage.run("request", ...args);
    expect([code, printed]).toEqual([2, ""]);
    expect(stderr).toContain(says);
  });
});
