/** Patients without a command line, processes that look like web servers, sockets of others. */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterEach } from "@jest/globals";
import { loadConfig } from "../../src/cli/context.ts";
import { connectControl } from "../../src/control/client.ts";
import type { Patient, Running, Wish } from "../../src/doctor/patient.ts";
import { viewWebServer, type WebServer } from "../../src/doctor/web-servers.ts";
import type { Address } from "../../src/fastcgi/address.ts";
import { planApp } from "../../src/manager/plan.ts";
import { appsDirectory } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";

/** The web server's user and group on Debian. */
export const webUser = { uid: 33, gid: 33 };

const wish: Wish = {
  uri: "/",
  timeoutMs: 10_000,
  as: "nginx",
  webUser: undefined,
  data: undefined,
  root: undefined,
  scriptFilename: undefined,
};

/** A socket of anybody. */
export function foreign(address: Address, asked: Partial<Wish> = {}): Patient {
  const journal = { say: () => {}, tried: () => {}, signal: new AbortController().signal };
  return {
    name: address.kind === "unix" ? address.path : `${address.host}:${address.port}`,
    app: undefined,
    plan: undefined,
    configFile: undefined,
    address,
    running: undefined,
    wish: { ...wish, ...asked },
    journal,
  };
}

/** The app `app` of a config with these lines. */
export async function configured(
  directory: string,
  lines: readonly string[],
  asked: Partial<Wish> = {},
): Promise<Patient> {
  const configFile = join(directory, "fcgi-pm.toml");
  const command = `command = [${JSON.stringify(join(appsDirectory, "plain-loop.sh"))}]`;
  writeFileSync(configFile, ["[apps.app]", command, ...lines, ""].join("\n"));
  const [app] = (await loadConfig(configFile)).apps;
  if (app === undefined || app.listen.kind === "none") throw new Error("the config has no app with a listener");
  return { ...foreign(app.listen, asked), name: "app", app, plan: await planApp(app), configFile };
}

/** The app `app`, as its manager tells of it. */
export async function runningAt(control: string): Promise<Running> {
  const client = connectControl(control, { timeoutMs: 30_000 });
  const { apps, manager } = await client.status("app");
  const [status] = apps;
  if (status === undefined) throw new Error("the manager has no app");
  return { status, manager, client };
}

const children = new Set<ChildProcess>();
const servers = new Set<Server>();

/** Ends what the tests of the file have started. */
export function useStage(): void {
  afterEach(async () => {
    for (const child of children) child.kill("SIGKILL");
    for (const server of servers) server.close();
    await until(() => [...children].every((child) => child.exitCode !== null || child.signalCode !== null), {
      what: "the end of the web servers",
    });
    children.clear();
    servers.clear();
  });
}

/** Takes on a name, then a user, says so, and waits. */
const actor = `
import os, sys, time
name, uid, gid, groups = sys.argv[1:5]
open("/proc/self/comm", "w").write(name)
os.setgroups([int(group) for group in groups.split(",") if group])
os.setgid(int(gid)); os.setuid(int(uid))
print("ready", flush=True)
time.sleep(600)
`;

export interface Role {
  readonly uid?: number;
  readonly gid?: number;
  readonly groups?: readonly number[];
  /** It gets an empty file system of its own there. Needs root. */
  readonly hides?: string;
  /** A file that only it sees, in there. */
  readonly makes?: string;
  readonly config?: string;
}

/** A process that is called nginx and serves nobody. */
export async function playNginx(role: Role = {}): Promise<WebServer> {
  const { uid = webUser.uid, gid = webUser.gid, groups = [], hides, makes = "/dev/null", config = "" } = role;
  const play = ["/usr/bin/python3", "-c", actor, "nginx", String(uid), String(gid), groups.join(","), "-c", config];
  const mount = [
    "unshare",
    "-m",
    "sh",
    "-c",
    'mount -t tmpfs none "$0" && : >> "$1" && shift && exec "$@"',
    hides ?? "",
    makes,
    ...play,
  ];
  const [program = "", ...args] = hides === undefined ? play : mount;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  await new Promise((ready, refuse) => child.stdout.once("data", ready).once("close", refuse));
  const server = viewWebServer(child.pid ?? 0);
  if (server === undefined) throw new Error("the web server has gone");
  return server;
}

/** A process that listens at the path and never accepts: this one. */
export async function listenAt(path: string, mode = 0o666): Promise<void> {
  const server = createServer();
  servers.add(server);
  await new Promise<void>((done) => server.listen(path, done));
  chmodSync(path, mode);
}

/** A process in a network namespace of its own listens at the path, as in a container. Needs root. */
export async function listenElsewhere(path: string): Promise<void> {
  const script =
    "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(9); time.sleep(600)";
  children.add(spawn("unshare", ["-n", "/usr/bin/python3", "-c", script, path], { stdio: "ignore" }));
  await until(() => isTaken(path), { what: "the listener" });
}

function isTaken(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

/** A port of this process; its number. */
export async function listenOn(host: string): Promise<number> {
  const server = createServer();
  servers.add(server);
  await new Promise<void>((done) => server.listen(0, host, done));
  return (server.address() as { port: number }).port;
}
