/** Programs that are ready and answer what no web server can use. */
import { join } from "node:path";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { buildPrograms, echoes, waiters } from "../helpers/programs.ts";
import { textOf, useSite } from "./clinic.ts";

jest.setTimeout(60_000);

const site = useSite();

beforeAll(() => buildPrograms([echoes.c, waiters.epoll]), 60_000);

const doctor = (answer: string, ...flags: string[]) => site.doctor([site.lay("answers.fcgi"), ...flags, "--", answer]);

describe("fcgi-pm doctor, of an answer", () => {
  test("says of an empty one which words of the web servers it stands behind", async () => {
    const diagnosis = await doctor("nothing");
    expect(diagnosis.code).toBe(4);
    const finding = diagnosis.find("answer.empty");
    expect(textOf(finding)).toContain("incomplete headers (0 bytes)");
    expect(textOf(finding)).toContain("GET /: ended after");
  });

  test.each([
    ["body-at-once", "answer.no-headers", '"<html><body>hello</body></html>\\n"'],
    ["debug-first", "answer.output-before-headers", '"connected to the database"'],
    ["empty-line-first", "answer.blank-line-first", "become part of the page"],
    ["http-line", "answer.http-status-line", 'write "Status: 404 Not Found\\r\\n"'],
    ["no-empty-line", "answer.headers-without-end", '"Content-Type: text/html\\r\\n"'],
    ["byte-order-mark", "answer.byte-order-mark", '"\\xef\\xbb\\xbfContent-Type'],
    ["wrong-length", "answer.content-length", "Content-Length: 100, and 6 bytes came"],
    ["process-stdout", "answer.on-process-stdout", '"Content-Type: text/html\\r\\n\\r\\nhello'],
  ])("sees what is wrong with %s", async (answer, code, words) => {
    const diagnosis = await doctor(answer);
    expect(diagnosis.find(code).level).toBe("broken");
    expect(textOf(diagnosis.find(code))).toContain(words);
    expect(diagnosis.code).toBe(4);
  });

  test.each([
    ["no-type", "answer.no-content-type"],
    ["chunked", "answer.transfer-encoding"],
  ])("warns of %s", async (answer, code) => {
    const diagnosis = await doctor(answer);
    expect(diagnosis.codes).toEqual([code]);
    expect(diagnosis.find(code).level).toBe("risk");
    expect(diagnosis.code).toBe(0);
  });

  test("shows of a 500 what the application says on its error stream, and its page", async () => {
    const finding = (await doctor("an-error")).find("answer.server-error");
    expect(textOf(finding)).toContain("| no such table: posts");
    expect(textOf(finding)).toContain('the page says: "Oops"');
  });

  test("shows the fatal error of a PHP script", async () => {
    site.write("www/shop/index.php", "<?php require 'config/db.php'; echo 'hello';", 0o644);
    const args = ["php-cgi", "--root", join(site.directory, "www"), "--uri", "/shop/index.php"];
    const broken = (await site.doctor(args)).find("answer.server-error");
    expect(textOf(broken)).toContain("| PHP Fatal error:  Uncaught Error: Failed opening required 'config/db.php'");
    site.write("www/shop/config/db.php", "<?php", 0o644);
    expect((await site.doctor(args)).code).toBe(0);
  });

  test("waits for what an application writes after its 500, as Express does", async () => {
    const text = `export default (request, response) => {
      response.writeHead(500).end("Internal Server Error");
      setTimeout(() => console.error("Error: no such column: title"), 50);
    };\n`;
    const finding = (await site.doctor([site.write("app.mjs", text, 0o644)])).find("answer.server-error");
    expect(textOf(finding)).toContain("| Error: no such column: title");
  });

  test("says what SQLite needs, which does not name the file", async () => {
    const text = `import sqlite3, sys, traceback
def app(environ, start_response):
    try:
        sqlite3.connect("/no/such/directory/blog.db")
    except Exception:
        traceback.print_exc(file=environ["wsgi.errors"])
    start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
    return [b"sorry"]\n`;
    site.write("blog.py", text, 0o644);
    const { remedy } = (await site.doctor(["--wsgi", "blog:app", "--python", "/usr/bin/python3"])).find(
      "answer.server-error",
    );
    expect(remedy.join("\n")).toContain("the database's file and to its directory");
  });

  test("takes a 404 for an answer", async () => {
    const diagnosis = await doctor("not-found");
    expect(diagnosis.codes).toEqual(["answer.client-error"]);
    expect(diagnosis.code).toBe(0);
  });

  test("says what the status 200 and nothing else means", async () => {
    const diagnosis = await doctor("bare");
    expect(diagnosis.codes).toEqual(["answer.bare"]);
    expect(diagnosis.find("answer.bare").level).toBe("risk");
    expect(diagnosis.code).toBe(0);
  });

  test("asks under the name of the site that --uri gives, and says so where another name is refused", async () => {
    const stranger = await doctor("one-site");
    expect(stranger.find("answer.client-error").remedy.join("\n")).toContain("--uri https://example.org/path");
    const visitor = await doctor("one-site", "--uri", "https://lists.example.org:8443/wws?page=2");
    expect(visitor.codes).toEqual([]);
    expect(visitor.tried.join("\n")).toContain("GET https://lists.example.org:8443/wws?page=2: 200");
    const { stdout } = await site.read([
      site.lay("answers.fcgi"),
      "--uri",
      "https://lists.example.org:8443/",
      "--",
      "one-site",
    ]);
    expect(stdout).toContain("GET https://lists.example.org:8443/ answered 200 in");
  });

  test("shows what the application writes to its error stream beside a good answer", async () => {
    const diagnosis = await doctor("a-warning");
    expect(diagnosis.codes).toEqual(["answer.stderr"]);
    expect(textOf(diagnosis.find("answer.stderr"))).toContain("| deprecated");
  });

  test("finds the directory from which the page is right", async () => {
    const page = site.write("home/pages/index.html", "<p>hello</p>\n", 0o644);
    const cwd = page.replace("/pages/index.html", "");
    const program = site.lay("answers.fcgi");
    const { remedy, seen } = (await site.doctor([program, "--", "a-relative-page"], { cwd })).find(
      "answer.server-error",
    );
    expect(remedy[0]).toBe(`add to the command line: --cwd ${cwd}`);
    expect(seen.join("\n")).toContain(`there is ${page}`);
  });

  test("finds the variable of the shell without which each request fails", async () => {
    const env = { OTHER: "x", BLOG_DATABASE: "posts", ANOTHER: "y" };
    const { remedy } = (await site.doctor([site.lay("needs-a-variable-at-work.fcgi")], { env })).find(
      "answer.server-error",
    );
    expect(remedy[0]).toBe("add to the command line: --pass-env BLOG_DATABASE");
  });

  test("gives up as the web server would, and says what the worker does instead", async () => {
    const sleeping = (await doctor("never", "--timeout", "2s")).find("answer.timed-out");
    expect(sleeping.what).toContain("No answer within 2s");
    expect(textOf(sleeping)).toContain("the worker sleeps");
    const computing = (await doctor("computing", "--timeout", "2s")).find("answer.timed-out");
    expect(textOf(computing)).toContain("uses the processor all the time");
  });

  test("warns of an answer that comes near the limit", async () => {
    const diagnosis = await doctor("late", "--timeout", "3900ms");
    expect(diagnosis.codes).toEqual(["answer.slow"]);
  });

  test.each([
    ["an-exit", "exit code 3", "| giving up"],
    ["a-crash", "killed by SIGSEGV", "core"],
    ["half", "exit code 0", "hel"],
  ])("says how the worker ends in the middle: %s", async (answer, end, words) => {
    const finding = (await doctor(answer)).find("answer.worker-died");
    expect(finding.what).toContain(end);
    expect(textOf(finding)).toContain(words);
  });

  test("asks the same worker twice", async () => {
    const diagnosis = await doctor("a-crash-on-the-second");
    expect(diagnosis.find("program.fails-on-second-request").what).toContain("exit code 5");
    expect(diagnosis.code).toBe(4);
  });

  test("starts a second worker where the app wants several", async () => {
    const program = site.lay("takes-a-lock.fcgi");
    const lock = join(site.directory, "lock");
    const finding = (await site.doctor([program, "--processes", "4", "--", lock])).find("program.cannot-be-two");
    expect(textOf(finding)).toContain("| it runs already");
    expect((await site.doctor([program, "--", lock])).codes).toEqual([]);
  });

  test("sees a worker that answers once and ends", async () => {
    const finding = (await doctor("once")).find("program.answers-once");
    expect(finding.what).toContain("exit code 0");
    expect(textOf(finding)).toContain('the page says: "hello"');
  });

  test("sees a worker that makes the listener non-blocking, and then cannot live with it", async () => {
    const finding = (await doctor("nonblock-afterwards")).find("program.spoils-the-listener");
    expect(textOf(finding)).toContain("O_NONBLOCK was set");
  });

  test("sees a worker that makes the listener non-blocking for another kind of worker", async () => {
    const [waiter = ""] = waiters.epoll.command;
    const [echo = ""] = echoes.c.command;
    const args = [site.lay("mixed-pool.sh"), "--", site.lay("sets-nonblock-first.py"), waiter, echo];
    const finding = (await site.doctor(args)).find("program.spoils-the-listener");
    expect(textOf(finding)).toContain("a second worker on it ended: exit code 0");
  });

  test("sends a POST once only", async () => {
    const diagnosis = await doctor("a-crash-on-the-second", "-d", "name=value");
    expect(diagnosis.codes).toEqual([]);
    expect(diagnosis.tried.join("\n")).toContain("POST /: 200");
  });
});
