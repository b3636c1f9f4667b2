/** What `fcgi-pm request` sends, as the application gets it. */
import { closeSync, openSync, utimesSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { answer, type Heard } from "../fastcgi/scripted-app.ts";
import { useAsking } from "./asking.ts";

jest.setTimeout(60_000);
const { stage, ask, application } = useAsking();

describe("what is sent", () => {
  /** The request that the application gets. */
  const hear = async (...args: string[]): Promise<Heard> => {
    const { app, code, stderr } = await ask(answer("A: b\n\n"), ...args);
    expect([code, stderr]).toEqual([0, ""]);
    return app.heard[0] as Heard;
  };
  const pick = ({ params }: Heard, ...names: string[]) => names.map((name) => params.get(name));

  test("asks for the path of a program that is mounted at the root, and keeps the query as it is", async () => {
    const heard = await hear("/news/%C3%BC x?a=%20&b");
    expect(pick(heard, "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "REQUEST_METHOD")).toEqual([
      "",
      "/news/\u00c3\u00bc x",
      "a=%20&b",
      "/news/%C3%BC%20x?a=%20&b",
      "GET",
    ]);
    expect(heard.begin).toEqual({ role: 1, keepConnection: false });
  });

  test("is split at --script-name", async () => {
    const heard = await hear("/shop/cart?x", "--script-name", "/shop/");
    expect(pick(heard, "SCRIPT_NAME", "PATH_INFO")).toEqual(["/shop", "/cart"]);
  });

  test("names a file with --root, its index where the path ends in a slash, and what follows .php", async () => {
    const names = ["SCRIPT_FILENAME", "SCRIPT_NAME", "PATH_INFO", "DOCUMENT_ROOT"];
    expect(pick(await hear("/a.php/info?x", "--root", "/srv/"), ...names)).toEqual([
      "/srv/a.php",
      "/a.php",
      "/info",
      "/srv",
    ]);
    expect(pick(await hear("/sub/", "--root", "/srv"), ...names)).toEqual([
      "/srv/sub/index.php",
      "/sub/index.php",
      "",
      "/srv",
    ]);
    expect(pick(await hear("/", "--root", "/srv", "--index", "x.cgi"), ...names)).toEqual([
      "/srv/x.cgi",
      "/x.cgi",
      "",
      "/srv",
    ]);
    expect(pick(await hear("/x", "--script-filename", "/srv/y"), ...names)).toEqual([
      "/srv/y",
      "",
      "/x",
      "/var/www/html",
    ]);
  });

  test("says of a URL what a web server would say", async () => {
    const names = ["HTTPS", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "REQUEST_SCHEME", "REQUEST_URI"];
    expect(pick(await hear("https://example.org/a?b#c"), ...names)).toEqual([
      "on",
      "example.org",
      "example.org",
      "443",
      "https",
      "/a?b",
    ]);
    expect(pick(await hear("http://[::1]:8080"), ...names)).toEqual([
      undefined,
      "[::1]:8080",
      "[::1]",
      "8080",
      "http",
      "/",
    ]);
  });

  test("has the headers that are given, and not those that are taken away", async () => {
    const file = join(stage.directory, "headers");
    writeFileSync(file, "X-Three: 3\n# a remark\n\nX-Four: 4\n");
    const heard = await hear(
      "-H",
      "X-Two: a",
      "-H",
      "x-two: b",
      "-H",
      "Accept:",
      "-H",
      "Host: h:1",
      "-H",
      "X-No;",
      "-H",
      `@${file}`,
    );
    const names = ["HTTP_X_TWO", "HTTP_HOST", "HTTP_X_NO", "HTTP_X_THREE", "HTTP_X_FOUR"];
    expect(pick(heard, ...names)).toEqual(["a, b", "h:1", "", "3", "4"]);
    expect(heard.params.has("HTTP_ACCEPT")).toBe(false);
    expect(heard.params.get("HTTP_USER_AGENT")).toMatch(/^fcgi-pm\/\d/);
  });

  test("has the parameters that are set, whole and empty, and not those that are removed", async () => {
    const heard = await hear("--param", "A=b=c", "--param", "REMOTE_ADDR=", "--param", "SERVER_PORT-");
    expect(pick(heard, "A", "REMOTE_ADDR", "SERVER_PORT")).toEqual(["b=c", "", undefined]);
  });

  test("is a form with -d: all parts in their order, files without line ends, raw ones as they are", async () => {
    const file = join(stage.directory, "part");
    writeFileSync(file, "c=\r\n3\n");
    const heard = await hear("-d", "a=1", "--data-raw", "@b", "-d", `@${file}`, "--data-binary", `@${file}`);
    expect(heard.stdin.toString()).toBe("a=1&@b&c=3&c=\r\n3\n");
    const names = ["REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH"];
    expect(pick(heard, ...names)).toEqual(["POST", "application/x-www-form-urlencoded", "17"]);
  });

  test("goes into the query with -G", async () => {
    const heard = await hear("/a?x=1", "-G", "-d", "y=2", "-d", "z=a #b");
    expect(pick(heard, "REQUEST_METHOD", "QUERY_STRING", "CONTENT_LENGTH")).toEqual(["GET", "x=1&y=2&z=a%20%23b", ""]);
    expect(heard.stdin.length).toBe(0);
  });

  test("is another method with -X, another type with -H", async () => {
    const heard = await hear("-X", "PUT", "-d", "{}", "-H", "Content-Type: application/json");
    expect(pick(heard, "REQUEST_METHOD", "CONTENT_TYPE", "CONTENT_LENGTH")).toEqual(["PUT", "application/json", "2"]);
  });

  test("is FCGI_KEEP_CONN with --keep-conn", async () => {
    expect((await hear("--keep-conn")).begin).toEqual({ role: 1, keepConnection: true });
  });

  test("to an authorizer has no parameters of a program, and no body", async () => {
    const heard = await hear("/secret", "--role", "authorizer", "-d", "a");
    expect(heard.begin.role).toBe(2);
    expect(pick(heard, "SCRIPT_NAME", "PATH_INFO", "CONTENT_LENGTH", "REQUEST_URI")).toEqual([
      undefined,
      undefined,
      undefined,
      "/secret",
    ]);
    expect(heard.stdin.length).toBe(0);
  });

  test("to a filter has the file after the body", async () => {
    const file = join(stage.directory, "data");
    writeFileSync(file, "to be filtered");
    utimesSync(file, 1_000_000, 1_000_000);
    const heard = await hear("--role", "filter", "--filter-data", file, "-d", "body");
    expect([heard.begin.role, heard.stdin.toString(), heard.data.toString()]).toEqual([3, "body", "to be filtered"]);
    expect(pick(heard, "FCGI_DATA_LENGTH", "FCGI_DATA_LAST_MOD")).toEqual(["14", "1000000"]);
  });
});

describe("an upload", () => {
  /** Counts what comes, and answers with the count and the length that was promised. */
  const counting = (heard: Heard, socket: Socket) =>
    socket.end(answer(`A: b\n\n${heard.stdin.length} of ${heard.params.get("CONTENT_LENGTH")}\n`));

  test("of a file is streamed with its length", async () => {
    const file = join(stage.directory, "large");
    closeSync(openSync(file, "w"));
    writeFileSync(file, Buffer.alloc(30_000_000, 1));
    expect((await ask(counting, "--data-binary", `@${file}`)).stdout).toBe("30000000 of 30000000\n");
  });

  const pipe = async (bytes: number, ...args: string[]) => {
    const app = await application(counting);
    const running = stage.start("request", "--data-binary", "@-", "--socket", app.path, ...args);
    running.child.stdin?.end(Buffer.alloc(bytes, 1));
    return running.ended;
  };

  test("from a pipe has its length as far as that can be known", async () => {
    expect(await pipe(0)).toMatchObject({ stdout: "0 of 0\n", stderr: "" });
    expect(await pipe(300_000)).toMatchObject({ stdout: "300000 of 300000\n", stderr: "" });
  });

  test("from a pipe that is too long for that has none, and a warning says so", async () => {
    const { stdout: printed, stderr } = await pipe(20_000_000);
    expect(printed).toBe("20000000 of \n");
    expect(stderr).toMatch(/^warning: the length of the body is not known/);
    const named = await pipe(20_000_000, "-H", "Content-Length: 20000000");
    expect(named).toMatchObject({ stdout: "20000000 of 20000000\n", stderr: "" });
  });
});
