/** What a WSGI application finds, and what becomes of its answer: PEP 3333, rule by rule, by real requests. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { FastCgiError } from "../../src/fastcgi/errors.ts";
import { Undo } from "../fastcgi/peers.ts";
import { until } from "../helpers/wait.ts";
import { startWorkers, type Workers } from "./wsgi-runner.ts";

jest.setTimeout(60_000);
const undo = new Undo();
let plain: Workers;
/** The same application between the two halves of wsgiref.validate, which complains of each breach of PEP 3333. */
let checked: Workers;
beforeAll(async () => {
  plain = await startWorkers(undo);
  checked = await startWorkers(undo, { app: "rules:checked" });
});
afterAll(() => undo.all());

const post = (body: string) => ({ method: "POST", contentLength: body.length, contentType: "text/plain" });

/** Waits until the workers have said this on stderr, after this moment. */
function fromNowOn({ stderr }: Workers, from = stderr.text.length) {
  return (words: string) => until(() => stderr.text.includes(words, from), { what: words });
}

/** What came of an answer that ended in the middle. */
async function cutShort(uri: string): Promise<{ stdout: string; stderr: string }> {
  const error = await plain.ask(uri).catch((thrown: unknown) => thrown);
  if (!(error instanceof FastCgiError)) throw error;
  expect(error.code).toBe("FCGI_ANSWER_CUT_SHORT");
  return { stdout: `${error.partial?.stdout}`, stderr: `${error.partial?.stderr}` };
}

describe("the environ", () => {
  test("has what the web server sent, as text with a character for each byte, and nothing of the process's own", async () => {
    const { body } = await checked.ask("/gr%C3%BC%FF?a=%20b", { headers: [["X-Name", "v"]] });
    expect(JSON.parse(body.toString())).toMatchObject({
      PATH_INFO: "/gr\u00c3\u00bc\u00ff",
      SCRIPT_NAME: "",
      QUERY_STRING: "a=%20b",
      HTTP_X_NAME: "v",
      "wsgi.version": [1, 0],
      "wsgi.url_scheme": "http",
      "wsgi.multithread": false,
      "wsgi.multiprocess": true,
      "wsgi.run_once": false,
      "wsgi.input_terminated": true,
    });
    expect(JSON.parse(body.toString())).not.toHaveProperty("PATH");
  });

  test.each([
    ["on", "https"],
    ["1", "https"],
    ["off", "http"],
    ["", "http"],
  ])("has the scheme of HTTPS=%s: %s", async (value, scheme) => {
    expect(await plain.environ({ HTTPS: value })).toMatchObject({ "wsgi.url_scheme": scheme });
  });

  test("has no HTTP_PROXY, and the body's length and type once", async () => {
    const sent = { HTTP_PROXY: "evil:80", HTTP_CONTENT_LENGTH: "3", HTTP_CONTENT_TYPE: "a/b", CONTENT_LENGTH: "" };
    const environ = await plain.environ(sent);
    expect(environ).toMatchObject({ CONTENT_LENGTH: "3", CONTENT_TYPE: "a/b" });
    for (const name of ["HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"])
      expect(environ).not.toHaveProperty(name);
    expect(await plain.environ({ CONTENT_LENGTH: "", CONTENT_TYPE: "" })).not.toHaveProperty("CONTENT_LENGTH");
  });

  test("has the names that PEP 3333 wants, even from a web server that sends nothing", async () => {
    const usual = {
      REQUEST_METHOD: "GET",
      SERVER_NAME: "localhost",
      SERVER_PORT: "80",
      QUERY_STRING: "",
      PATH_INFO: "/",
    };
    expect(await plain.environ({})).toMatchObject(usual);
    expect(await plain.environ({ SERVER_NAME: "", SCRIPT_NAME: "" })).toMatchObject(usual);
  });

  test("takes the last of doubles: nginx sends its own SCRIPT_NAME before that of the guide's configuration", async () => {
    const params = [
      ["SCRIPT_NAME", "/news/"],
      ["PATH_INFO", "/news/"],
      ["SCRIPT_NAME", ""],
    ] as const;
    const { body } = await plain.ask("/", {}, { params });
    expect(JSON.parse(body.toString())).toMatchObject({ SCRIPT_NAME: "", PATH_INFO: "/news/" });
  });

  test("is not to be forged by parameters of the names that are ours", async () => {
    expect(await plain.environ({ "wsgi.multiprocess": "no", "wsgi.input": "no" })).toMatchObject({
      "wsgi.multiprocess": true,
    });
    expect(await plain.environ({ "wsgi.input": "no" })).not.toHaveProperty(["wsgi.input"]);
  });

  const uri = (path: string) => ({ REQUEST_URI: `${path}?a=1` });
  test.each<[string, Record<string, string>, string, string]>([
    ["sent: as they came", { SCRIPT_NAME: "/app", PATH_INFO: "/a//b", ...uri("/app/a//b") }, "/app", "/a//b"],
    ["sent and empty: as they came", { SCRIPT_NAME: "/app", PATH_INFO: "", ...uri("/app") }, "/app", ""],
    ["a SCRIPT_NAME of a slash: the root", { SCRIPT_NAME: "/", PATH_INFO: "/x" }, "", "/x"],
    ["nginx, PATH_INFO left out: the root", { SCRIPT_NAME: "/a/b", ...uri("/a/b") }, "", "/a/b"],
    ["nginx, after a rewrite: the root", { SCRIPT_NAME: "/new", ...uri("/old") }, "", "/new"],
    ["Apache with a SCRIPT_NAME: the rest", { SCRIPT_NAME: "/app", ...uri("/app/a%20b") }, "/app", "/a b"],
    ["Apache with an empty one: the whole path", { SCRIPT_NAME: "", ...uri("/a%20b") }, "", "/a b"],
    [
      "lighttpd, which leaves out what is empty",
      { SCRIPT_NAME: "/app", ...uri("/app"), SERVER_SOFTWARE: "lighttpd/1.4.69" },
      "/app",
      "",
    ],
    ["nothing at all", {}, "", "/"],
  ])("has SCRIPT_NAME and PATH_INFO: %s", async (_what, params, scriptName, pathInfo) => {
    expect(await plain.environ(params)).toMatchObject({ SCRIPT_NAME: scriptName, PATH_INFO: pathInfo });
  });
});

describe("the options", () => {
  const started = new Map<string, Workers>();
  const withArgs = async (...args: string[]): Promise<Workers> => {
    const key = args.join(" ");
    const workers = started.get(key) ?? (await startWorkers(undo, { args }));
    started.set(key, workers);
    return workers;
  };

  test.each<[string, Record<string, string>, string, string]>([
    ["", { SCRIPT_NAME: "/yourapplication.fcgi", PATH_INFO: "/news/" }, "", "/news/"],
    ["/app", { SCRIPT_NAME: "", PATH_INFO: "/app/news/" }, "/app", "/news/"],
    ["/app", { SCRIPT_NAME: "", PATH_INFO: "/app" }, "/app", ""],
    ["/app", { SCRIPT_NAME: "", PATH_INFO: "/apples" }, "/app", "/apples"],
    ["/app", { SCRIPT_NAME: "/app", PATH_INFO: "/app/x" }, "/app", "/app/x"],
    ["/app", { SCRIPT_NAME: "/app/x", REQUEST_URI: "/app/x" }, "/app", "/x"],
    ["/app", { SCRIPT_NAME: "/app.fcgi", PATH_INFO: "/x" }, "/app", "/x"],
  ])("--script-name %p makes of %p: %p and %p", async (name, params, scriptName, pathInfo) => {
    const workers = await withArgs("--script-name", name);
    expect(await workers.environ(params)).toMatchObject({ SCRIPT_NAME: scriptName, PATH_INFO: pathInfo });
  });

  test("--lighttpd-root-fix puts the path together again", async () => {
    const workers = await withArgs("--lighttpd-root-fix");
    const params = { SCRIPT_NAME: "/news", PATH_INFO: "/today" };
    expect(await workers.environ(params)).toMatchObject({ SCRIPT_NAME: "", PATH_INFO: "/news/today" });
  });

  test("--threads is told in wsgi.multithread", async () => {
    const workers = await withArgs("--threads", "2");
    expect(await workers.environ({})).toMatchObject({ "wsgi.multithread": true });
  });
});

describe("wsgi.input", () => {
  const lines = "one\ntwo\n\nthree";
  test.each([
    ["read", lines],
    ["pieces", lines],
    ["readline", "one\n|two\n|\n|three"],
    ["readlines", "one\n|two\n|\n|three"],
    ["lines", "one\n|two\n|\n|three"],
  ])("is read by %s", async (how, expected) => {
    const { body } = await checked.ask(`/body?how=${how}`, post(lines), { stdin: Buffer.from(lines) });
    expect(body.toString()).toBe(expected);
  });

  test("is read by read() and readline(3), to its end and no further", async () => {
    const ask = async (how: string, length?: number) => {
      const more = { method: "POST", ...(length === undefined ? {} : { contentLength: length }) };
      return (await plain.ask(`/body?how=${how}`, more, { stdin: Buffer.from(lines) })).body.toString();
    };
    expect(await ask("shortline", lines.length)).toBe("one|\n|two|\n|\n|thr|ee");
    expect(await ask("all", 5)).toBe("one\nt");
    expect(await ask("all")).toBe(lines);
  });

  test("is empty where there is no body", async () => {
    expect((await checked.ask("/body?how=lines")).body.toString()).toBe("");
    expect((await checked.ask("/body?how=read", post(""))).body.toString()).toBe("");
  });

  test("of another length than a number gets 400, without the application", async () => {
    const { status, stderr } = await plain.ask(
      "/",
      {},
      { params: { PATH_INFO: "/raises", CONTENT_LENGTH: "12 apples" } },
    );
    expect([status, stderr.toString()]).toEqual([400, expect.stringContaining("CONTENT_LENGTH is '12 apples'")]);
  });

  test("that nobody reads is no harm", async () => {
    const stdin = Buffer.alloc(300_000, "x");
    const { body } = await checked.ask("/ignores-body", { method: "POST", contentLength: stdin.length }, { stdin });
    expect(body.toString()).toBe("not read");
  });
});

describe("an answer", () => {
  test("in a list is sent with its length", async () => {
    const answer = await plain.ask("/blocks?count=3&size=2");
    expect([answer.header("content-length"), answer.body.toString(), answer.reason]).toEqual(["6", "xxxxxx", "OK"]);
    expect((await plain.ask("/blocks?count=0")).header("content-length")).toBe("0");
  });

  test("of 10 MB arrives whole", async () => {
    const answer = await checked.ask("/blocks?count=10&size=1000000");
    expect([answer.body.length, answer.body.every((byte) => byte === 0x78)]).toEqual([10_000_000, true]);
  });

  test("in blocks, begun late, or written, arrives whole", async () => {
    expect((await checked.ask("/stream")).body.toString()).toBe("one\ntwo\n");
    expect((await checked.ask("/starts-late")).body.toString()).toBe("late");
    expect((await checked.ask("/written")).body.toString()).toBe("abc");
  });

  test("from a file arrives whole, through wsgi.file_wrapper", async () => {
    const path = join(plain.directory, "file");
    const bytes = Buffer.alloc(200_001, "0123456789");
    writeFileSync(path, bytes);
    expect((await checked.ask(`/file?path=${path}`)).body).toEqual(bytes);
  });

  test("to HEAD has its length and no body", async () => {
    const answer = await plain.ask("/blocks?count=3", { method: "HEAD" });
    expect([answer.header("content-length"), answer.body.length]).toEqual(["3", 0]);
    const told = fromNowOn(plain);
    expect((await plain.ask("/endless", { method: "HEAD" })).body.length).toBe(0);
    await told("closed\n");
  });

  test.each(["204 No Content", "304 Not Modified"])("of status %s has no body and no length", async (line) => {
    const answer = await plain.ask(`/status?line=${encodeURIComponent(line)}&body=1`);
    expect([answer.status, answer.body.length, answer.header("content-length")]).toEqual([
      Number(line.slice(0, 3)),
      0,
      undefined,
    ]);
  });

  test("may have a status of its own, or one without words", async () => {
    expect(await plain.ask("/status?line=299%20Fine%20by%20me")).toMatchObject({ status: 299, reason: "Fine by me" });
    expect(await plain.ask("/status?line=404")).toMatchObject({ status: 404, reason: "" });
  });

  test("that is longer than its Content-Length is cut to it, and one that is shorter does not look complete", async () => {
    const long = await plain.ask("/declares?length=3&size=5");
    expect([long.body.toString(), long.appStatus]).toEqual(["xxx", 0]);
    expect(long.stderr.toString()).toContain("more than its Content-Length of 3");
    const short = await cutShort("/declares?length=5&size=3");
    expect(short.stdout).toMatch(/\r\n\r\nxxx$/);
    expect(short.stderr).toContain("2 bytes less than its Content-Length of 5");
  });

  test("is closed when it is done", async () => {
    const told = fromNowOn(plain);
    await plain.ask("/stream");
    await told("closed\n");
  });

  test.each([["line=OK"], ["line=100%20Continue"], ["line=200%20OK%0D%0AX-Forged:%201"], ["line=2000%20OK"]])(
    "of the status %s is refused",
    async (query) => {
      const { status, stderr } = await plain.ask(`/status?${query}`);
      expect([status, stderr.toString()]).toEqual([
        500,
        expect.stringContaining("ValueError: start_response: the status"),
      ]);
    },
  );

  test.each([
    ["X-A", "1%0D%0AX-Forged: 1"],
    ["X-A: 1", "1"],
    ["X A", "1"],
    ["Connection", "close"],
    ["Transfer-Encoding", "chunked"],
    ["Status", "201"],
    ["Content-Length", "-1"],
  ])("with the header %s: %s is refused", async (name, value) => {
    const answer = await plain.ask(`/header?name=${encodeURIComponent(name)}&value=${value}`);
    expect([answer.status, answer.header("x-forged")]).toEqual([500, undefined]);
    expect(answer.stderr.toString()).toContain("ValueError: start_response: ");
  });

  test("may have a header in Latin-1", async () => {
    expect((await plain.ask("/header?name=X-A&value=%C3%BC")).header("x-a")).toBe("\u00fc");
  });
});

describe("an error", () => {
  test("gives a 500 that tells nothing, and the traceback to the web server's log and to ours", async () => {
    const answer = await plain.ask("/raises");
    expect([answer.status, answer.body.toString()]).toEqual([500, "Internal Server Error\n"]);
    expect(answer.stderr.toString()).toMatch(/^Traceback[\s\S]*rules\.py[\s\S]*LookupError: no such thing\n$/);
    await fromNowOn(plain, 0)(answer.stderr.toString());
  });

  test("after a part of the answer cuts it, without FCGI_END_REQUEST, and the answer is closed", async () => {
    const told = fromNowOn(plain);
    const { stdout } = await cutShort("/stream?fail=1");
    expect(stdout).toMatch(/^Status: 200 OK\r\n[\s\S]*\r\n\r\none\ntwo\n$/);
    await told("closed\nTraceback");
    await told("KeyError: 'late'\n");
  });

  test("may be answered by the application as long as nothing was sent", async () => {
    expect(await checked.ask("/recovers")).toMatchObject({ status: 503, reason: "Later" });
    const late = await cutShort("/recovers-too-late");
    expect(late.stdout).toMatch(/\r\n\r\nbegun$/);
    expect(late.stderr).toContain("LookupError: no such thing");
  });

  test.each([
    ["silent", "RuntimeError: the application answered without a call of start_response"],
    ["twice", "RuntimeError: start_response was called a second time"],
    ["returns-text", "TypeError: the application returned str; WSGI wants a list of bytes"],
    ["mixes-text", "TypeError: the application gave str; the blocks of an answer have to be bytes"],
    ["exits", "SystemExit: 3"],
  ])("is what the page %s does, and the worker lives on", async (page, words) => {
    const { status, stderr } = await plain.ask(`/${page}`);
    expect([status, stderr.toString()]).toEqual([500, expect.stringContaining(words)]);
    expect(plain.children[0]?.exitCode).toBeNull();
  });

  test("that the application tells of goes to both logs", async () => {
    const { stderr, body } = await checked.ask("/errors");
    expect([stderr.toString(), body.toString()]).toEqual(["watch out\ngr\u00fc\u00df\n", "said"]);
    await fromNowOn(checked, 0)("watch out\n");
  });
});

test("wsgiref.validate had nothing to complain of", () => {
  expect(checked.stderr.text).not.toMatch(/AssertionError|WSGIWarning|without being closed/);
});
