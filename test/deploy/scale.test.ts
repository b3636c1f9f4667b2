/** The configurations of docs/scale.md, put into the real servers in front of two managers on TCP. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { parse } from "smol-toml";
import { type RunningManager, root, startReady, usePlace } from "../helpers/manager.ts";
import { echoes, readEcho } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { freePort, get } from "../helpers/webservers.ts";

jest.setTimeout(120_000);
let server: ChildProcess | undefined;
/** No more requests are wanted. */
let isOver = true;

afterEach(async () => {
  isOver = true;
  // Its children end with it.
  server?.kill("SIGTERM");
  const gone = server;
  await until(() => gone === undefined || gone.exitCode !== null || gone.signalCode !== null, {
    what: "the server's end",
  });
  server = undefined;
});

// After that: what is left is cleared away when the server has ended.
const place = usePlace();

/** The only block of the page in this language. */
function block(language: string): string {
  const page = readFileSync(join(root, "docs/scale.md"), "utf8");
  const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, name]) => name === language);
  expect(blocks).toHaveLength(1);
  return blocks[0]?.[2] ?? "";
}

/** The addresses of the page are those of this test. */
function here(text: string, ports: readonly [number, number], port: number): string {
  return text
    .replaceAll("10.0.0.11:9000", `127.0.0.1:${ports[0]}`)
    .replaceAll("10.0.0.12:9000", `127.0.0.1:${ports[1]}`)
    .replaceAll("listen 8080", `listen 127.0.0.1:${port}`);
}

const servers = {
  nginx: (text: string) => {
    const directory = join(place.directory, "nginx");
    mkdirSync(directory);
    copyFileSync("/etc/nginx/fastcgi_params", join(directory, "fastcgi_params"));
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (one) => `${one}_temp_path ${directory}/${one};`,
    );
    const http = `access_log off;\n${temporary.join("\n")}\n${text}`;
    const path = join(directory, "nginx.conf");
    const user = process.getuid?.() === 0 ? "user root;\n" : "";
    writeFileSync(
      path,
      `${user}daemon off;\npid ${directory}/pid;\nerror_log stderr error;\nevents {}\nhttp {\n${http}}\n`,
    );
    return ["nginx", "-c", path];
  },
  haproxy: (text: string, port: number) => {
    const path = join(place.directory, "haproxy.cfg");
    const before = "global\n  log stderr local0\ndefaults\n  mode http\n  timeout client 30s\n  timeout server 30s\n";
    const front = `frontend site\n  bind 127.0.0.1:${port}\n  default_backend blog\n`;
    writeFileSync(path, `${before}  timeout connect 1s\n${text}\n${front}`);
    return ["haproxy", "-db", "-f", path];
  },
} as const;

function startServer(words: readonly string[]): void {
  const [command = "", ...args] = words;
  server = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
}

function startApp(port: number): Promise<RunningManager> {
  const [command = ""] = echoes.perl.command;
  return startReady([command, "--name", "blog", "--port", String(port), "--processes", "2"]);
}

describe.each(["nginx", "haproxy"] as const)("%s", (name) => {
  test("spreads requests over two machines, and loses none when one of them stops and starts again", async () => {
    const [first, second, port] = [await freePort(), await freePort(), await freePort()];
    const managers = [await startApp(first), await startApp(second)];
    const url = `http://127.0.0.1:${port}`;
    startServer(servers[name](here(block(name), [first, second], port), port));
    const ask = async () => readEcho((await get(`${url}/a/path?x=1`)).text);
    await until(ask, { what: "an answer" });

    const [one = [], other = []] = managers.map((manager) => manager.workers());
    const askedOf = async () => (await ask()).pid;
    await until(async () => one.includes(await askedOf()), { what: "an answer of the first" });
    await until(async () => other.includes(await askedOf()), { what: "an answer of the second" });
    expect(await ask()).toMatchObject({ pathInfo: "/a/path", query: "x=1" });

    const statuses: number[] = [];
    isOver = false;
    const client = async () => {
      while (!isOver) statuses.push((await get(url, { timeoutMs: 10_000 })).status);
    };
    const clients = [client(), client(), client()];
    expect(await managers[0]?.stop()).toMatchObject({ code: 0 });
    const answered = statuses.length + 50;
    await until(() => statuses.length > answered, { what: "answers of the other alone", timeoutMs: 30_000 });
    const again = await startApp(first);
    await until(async () => again.workers().includes(await askedOf()), {
      what: "an answer after the return",
      timeoutMs: 30_000,
    });
    isOver = true;
    await Promise.all(clients);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });
});

test("the app's table is one that fcgi-pm takes", () => {
  const { apps } = parse(block("toml")) as unknown as { apps: { blog: Record<string, unknown> } };
  expect(Object.keys(apps.blog)).toEqual(["command", "port", "allowed-clients", "processes"]);
});
