/** Programs that are no FastCGI programs, or not in the way in which fcgi-pm runs them. */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { appsDirectory, buildPrograms, echoes, others } from "../helpers/programs.ts";
import { textOf, useSite } from "./clinic.ts";

jest.setTimeout(60_000);

const site = useSite();

let silent: Server;
let port: number;

/** A service that takes connections, and says nothing. */
beforeAll(async () => {
  buildPrograms([echoes.c]);
  silent = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  port = (silent.address() as { port: number }).port;
}, 60_000);

afterAll(() => {
  silent.close();
});

describe("fcgi-pm doctor, of a program of another kind", () => {
  test("recognises a plain CGI script", async () => {
    const finding = (await site.doctor([site.lay("plain-cgi.py")])).find("program.plain-cgi");
    expect(textOf(finding)).toContain('"Content-Type: text/html\\n\\n<h1>Hello</h1>');
    expect(finding.remedy[0]).toContain("fcgiwrap");
  });

  test("recognises a daemon, and ends what it has left", async () => {
    const finding = (await site.doctor([site.lay("goes-into-the-background.py")])).find("program.daemonises");
    expect(textOf(finding)).toMatch(
      /it has left .* \(process \d+\), which listens on 127\.0\.0\.1:\d+ \(ended by the doctor\)/,
    );
  });

  test("recognises a script that starts its server with &", async () => {
    const finding = (await site.doctor([site.lay("starts-in-the-background.sh")])).find("program.daemonises");
    expect(textOf(finding)).toContain("no & in a script");
  });

  test("recognises spawn-fcgi in a start script", async () => {
    const program = site.lay("uses-spawn-fcgi.sh");
    const [echo = ""] = echoes.c.command;
    const socket = join(site.directory, "own.sock");
    const diagnosis = await site.doctor([program, socket, echo]);
    expect(textOf(diagnosis.find("program.daemonises"))).toContain("without the spawner");
  });

  test("recognises a program that binds an address of its own", async () => {
    const program = site.lay("binds-an-address.py");
    const socket = join(site.directory, "own.sock");
    const finding = (await site.doctor([program, socket])).find("program.binds-its-own-socket");
    expect(finding.what).toContain(socket);
    expect(finding.remedy[0]).toContain("without bindAddress");
  });

  test("tells the three ways of a flup program apart", async () => {
    const program = site.lay("uses-flup.fcgi");
    const flup = ["--env", `PYTHONPATH=${join(appsDirectory, "../flup")}`];
    expect((await site.doctor([program, ...flup])).code).toBe(0);
    const socket = join(site.directory, "own.sock");
    const bound = await site.doctor([program, ...flup, "--", socket]);
    expect(bound.find("program.binds-its-own-socket").remedy[0]).toContain("without bindAddress");
    const refusing = await site.doctor([program, ...flup, "--env", "FCGI_WEB_SERVER_ADDRS=127.0.0.1"]);
    expect(refusing.find("answer.cut-short").remedy[0]).toContain("take FCGI_WEB_SERVER_ADDRS out of env");
  });

  test("recognises an HTTP server on a port of its own", async () => {
    const finding = (await site.doctor([site.lay("is-an-http-server.py")])).find("program.speaks-http");
    expect(finding.what).toMatch(/listens on 127\.0\.0\.1:\d+/);
    expect(textOf(finding)).toContain('"HTTP/1.0 200 OK');
  });

  test("recognises an HTTP server on the FastCGI listener", async () => {
    const finding = (await site.doctor([site.lay("speaks-http-on-fd-0.cjs")])).find("program.speaks-http");
    expect(finding.remedy.join()).toContain("proxy_pass");
  });

  test("recognises a program that reads its standard input", async () => {
    const diagnosis = await site.doctor([site.lay("reads-its-stdin.py")]);
    expect(diagnosis.find("program.reads-stdin").what).toContain("standard input");
  });

  test("says for whom a program waits that never comes to serve", async () => {
    const program = site.lay("never-accepts.py");
    const diagnosis = await site.doctor([program, String(port), "--start-timeout", "4s", "--timeout", "500ms"]);
    const finding = diagnosis.find("program.never-accepts");
    expect(textOf(finding)).toContain(`reads from 127.0.0.1:${port}`);
    expect(finding.remedy[0]).toContain(`it waits for 127.0.0.1:${port}`);
  });

  test("says that a plain program has no FastCGI loop", async () => {
    const [loop = ""] = others.plainLoop.command;
    const diagnosis = await site.doctor([loop, "--start-timeout", "500ms", "--timeout", "500ms"]);
    expect(diagnosis.find("program.never-accepts").remedy.join()).toContain("no FastCGI loop");
  });

  test("sees the shell that stands between", async () => {
    const [echo = ""] = echoes.c.command;
    const diagnosis = await site.doctor([site.lay("does-not-exec.sh"), echo]);
    expect(diagnosis.find("program.shell-between")).toMatchObject({ level: "risk" });
    expect(textOf(diagnosis.find("program.shell-between"))).toContain("write exec in front");
    expect(diagnosis.find("stop.leaves-children").what).toContain("echo");
    expect(diagnosis.code).toBe(0);
  });

  test("sees the wrapper that makes the listener non-blocking", async () => {
    const [echo = ""] = echoes.c.command;
    const diagnosis = await site.doctor([site.lay("sets-nonblock-first.py"), echo]);
    expect(diagnosis.find("program.sets-nonblock").what).toContain("non-blocking");
  });

  test("does not start an app without a listener", async () => {
    const marker = join(site.directory, "was-started");
    const program = site.write("job.sh", `#!/bin/sh\ntouch ${marker}\n`);
    const diagnosis = await site.doctor([program, "--no-listen"]);
    expect(diagnosis.codes).toEqual(["program.not-tried"]);
    expect(existsSync(marker)).toBe(false);
    expect(diagnosis.tried).toEqual([]);
  });
});
