/** `fcgi-pm request` against FastCGI programs and servers of others, each as it is installed. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { makeDirectory, needProgram, run, Undo } from "../fastcgi/peers.ts";
import { buildPrograms, echoes, type Program, readEcho } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort } from "../helpers/webservers.ts";
import { useStage } from "./stage.ts";

jest.setTimeout(120_000);
beforeAll(() => buildPrograms(Object.values(echoes)), 300_000);
const stage = useStage();
const undo = new Undo();
afterEach(() => undo.all());

/** Starts one worker behind a Unix socket of its own. */
async function start(program: Program): Promise<string[]> {
  const path = join(makeDirectory(undo), "app.sock");
  const [command = "", ...args] = program.command;
  const found = command.includes("/") ? command : needProgram(command);
  run(undo, needProgram("spawn-fcgi"), ["-n", "-s", path, "--", found, ...args], program.env);
  const address = ["--socket", path];
  return untilAnswered([...address, ...(program.scriptFilename ? ["--script-filename", program.scriptFilename] : [])]);
}

/** A socket that is there may have nobody behind it yet. */
async function untilAnswered(address: string[]): Promise<string[]> {
  const answers = async () => (await stage.run("request", "-s", ...address)).code !== 3;
  await until(answers, { what: "an answer", timeoutMs: 30_000 });
  return address;
}

describe("a request with a body is answered by", () => {
  test.each(Object.values(echoes).map((program) => [program.name, program] as const))("%s", async (_name, program) => {
    const address = await start(program);
    const body = "some text\n".repeat(20_000);
    const file = join(stage.directory, "body");
    writeFileSync(file, body);
    // CGI::Fast would take a form for itself.
    const data = ["--data-binary", `@${file}`, "-H", "Content-Type: text/plain"];
    const { code, stdout, stderr } = await stage.run("request", "/news/1?a=%20b&size=100", ...data, ...address);
    expect([code, stderr]).toEqual([0, ""]);
    const echo = readEcho(stdout);
    expect(echo).toMatchObject({ method: "POST", query: "a=%20b&size=100", body: body.length, extra: 100 });
    expect([undefined, createHash("sha1").update(body).digest("hex")]).toContain(echo.sha);
    if (program.traits.tellsPaths) expect(echo).toMatchObject({ scriptName: "", pathInfo: "/news/1" });
  });
});

describe("a program that exits in the middle", () => {
  test.each([echoes.c, echoes.perl, echoes.python].map((program) => [program.name, program] as const))(
    "of the request cuts the answer short: %s",
    async (_name, program) => {
      const { code, stdout, stderr } = await stage.run("request", "/?exit=3", ...(await start(program)));
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toMatch(/the connection closed before FCGI_END_REQUEST/);
    },
  );
});

/** A document root with scripts that say what they got, fail, and take their time. */
function phpFiles(): string {
  const directory = makeDirectory(undo);
  const root = join(directory, "root");
  mkdirSync(root);
  for (const path of [directory, root]) chmodSync(path, 0o755);
  const scripts = {
    "index.php": `<?php header("X-Name: " . $_SERVER["SCRIPT_NAME"]); echo "index\\n";`,
    "info.php": `<?php echo $_SERVER["REQUEST_METHOD"], " ", $_SERVER["PATH_INFO"] ?? "-", " ", $_GET["x"] ?? "-", " ", strlen(file_get_contents("php://input")), " ", $_POST["a"] ?? "-", "\\n";`,
    "fails.php": `<?php error_log("it is broken"); http_response_code(503); echo "sorry\\n";`,
    "slow.php": `<?php echo "one\\n"; while (ob_get_level()) ob_end_flush(); flush(); while (!file_exists(__DIR__ . "/go")) { usleep(5000); clearstatcache(); } echo "two\\n";`,
  };
  for (const [name, text] of Object.entries(scripts)) writeFileSync(join(root, name), text);
  return root;
}

/** php-fpm on a config of its own, as another user where the tests run as root. */
async function startFpm(root: string): Promise<string[]> {
  const directory = makeDirectory(undo);
  chmodSync(directory, 0o755);
  const socket = join(directory, "fpm.sock");
  const user = process.getuid?.() === 0 ? "user = www-data\ngroup = www-data\n" : "";
  const pool = `[www]\nlisten = ${socket}\nlisten.mode = 0666\n${user}pm = static\npm.max_children = 2\nphp_admin_flag[log_errors] = on\n`;
  writeFileSync(join(directory, "fpm.conf"), `[global]\nerror_log = ${directory}/fpm.log\ndaemonize = no\n${pool}`);
  const child = spawn(needProgram("php-fpm8.2"), ["-n", "-F", "-y", join(directory, "fpm.conf")], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("close", resolve));
  // Killed it would leave its workers behind.
  undo.add(() => {
    child.kill("SIGTERM");
    return ended;
  });
  return untilAnswered(["--socket", socket, "--root", root]);
}

async function startPhpCgi(root: string): Promise<string[]> {
  const port = await freePort();
  run(undo, needProgram("php-cgi"), ["-n", "-d", "log_errors=1", "-b", `127.0.0.1:${port}`]);
  return untilAnswered(["--port", String(port), "--root", root]);
}

describe.each([
  ["php-fpm", startFpm],
  ["php-cgi", startPhpCgi],
])("%s", (_name, startPhp) => {
  test("serves files below --root: the index, a path behind a script, a form, an upload", async () => {
    const root = phpFiles();
    const address = await startPhp(root);
    const { stdout: index } = await stage.run("request", "/", "-i", ...address);
    expect(index).toContain("X-Name: /index.php\r\n");
    expect(index).toMatch(/\r\n\r\nindex\n$/);
    const get = await stage.run("request", "/info.php/some%20where?x=%20", ...address);
    expect(get).toMatchObject({ code: 0, stdout: "GET /some where   0 -\n", stderr: "" });
    const form = await stage.run("request", "/info.php", "-d", "a=b", ...address);
    expect(form).toMatchObject({ code: 0, stdout: "POST  - 3 b\n", stderr: "" });
    writeFileSync(join(stage.directory, "large"), Buffer.alloc(3_000_000));
    const upload = await stage.run(
      "request",
      "/info.php",
      "-X",
      "PUT",
      "--data-binary",
      `@${stage.directory}/large`,
      ...address,
    );
    expect(upload).toMatchObject({ code: 0, stdout: "PUT  - 3000000 -\n" });
  });

  test("tells an error by its status, on stderr, and in JSON", async () => {
    const address = await startPhp(phpFiles());
    const { code, stdout, stderr } = await stage.run("request", "/fails.php", ...address);
    expect([code, stdout]).toEqual([4, "sorry\n"]);
    expect(stderr).toContain("it is broken");
    const json = JSON.parse((await stage.run("request", "/fails.php", "--json", ...address)).stdout);
    expect(json).toMatchObject({
      status: 503,
      body: "sorry\n",
      stderr: expect.stringContaining("it is broken"),
      error: null,
    });
  });

  test("says that there is no such script: status 404", async () => {
    const { code, stdout, stderr } = await stage.run("request", "/none.php", "-i", ...(await startPhp(phpFiles())));
    expect(code).toBe(4);
    expect(stdout).toMatch(/^HTTP\/1.1 404 Not Found\r\n/);
    expect(`${stderr}${stdout}`).toMatch(/Primary script unknown|No input file/);
  });

  test("is printed as it comes", async () => {
    const root = phpFiles();
    const running = stage.start("request", "/slow.php", ...(await startPhp(root)));
    await until(() => running.output() === "one\n", { what: "the first line" });
    writeFileSync(join(root, "go"), "");
    expect(await running.ended).toMatchObject({ code: 0, stdout: "one\ntwo\n" });
  });
});
