/** What docs/deploy says, done without an engine: the Dockerfile is built line by line, its image runs as PID 1 beside nginx. */
import { copyFileSync, cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type Container, type Image, useEngine } from "../helpers/container.ts";
import { dockerBuild } from "../helpers/docker-build.ts";
import { processes, root, scratch } from "../helpers/manager.ts";
import { pack } from "../helpers/package.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(300_000);

const deploy = join(root, "docs/deploy");
const engine = useEngine();
let image: Image;
let nginx: Image;

beforeAll(async () => {
  const context = scratch();
  for (const name of ["app", "fcgi-pm.toml"]) cpSync(join(deploy, name), join(context, name), { recursive: true });
  await pack(context);
  image = await dockerBuild(engine, readFileSync(join(deploy, "Dockerfile"), "utf8"), context);
  nginx = await engine.machine();
  copyFileSync(join(deploy, "nginx.conf"), join(context, "nginx.conf"));
  await engine.shell(
    `cp ${context}/nginx.conf ${nginx.root}/etc/nginx/nginx.conf; mkdir ${nginx.root}/run/app; rm -r ${context}`,
  );
}, 300_000);

/** A directory that both containers have at /run/app, as the two files mount it. */
interface Shared {
  readonly binds: Readonly<Record<string, string>>;
}

let volumes = 0;

/** `compose`: the user's own; `kubernetes`: root's, open to the pod's group, as an emptyDir with fsGroup is. */
async function newVolume(like: "compose" | "kubernetes"): Promise<Shared> {
  volumes += 1;
  const directory = join(engine.directory, `volume-${volumes}`);
  const rights = like === "compose" ? "chown 10001:10001 $d; chmod 750 $d" : "chown 0:10001 $d; chmod 2777 $d";
  await engine.shell(`d=${directory}; mkdir $d; ${rights}`);
  return { binds: { "/run/app": directory } };
}

const tmpfs = { "/run/fcgi-pm": "uid=10001,gid=10001,mode=0700", "/tmp": "mode=1777" };

async function startApp({ binds }: Shared, ...command: string[]): Promise<Container> {
  const app = await engine.run(image, { binds, tmpfs, ...(command.length === 0 ? {} : { command }) });
  return app;
}

function startNginx({ binds }: Shared): Promise<Container> {
  const command = ["nginx", "-g", "daemon off;"];
  return engine.run(nginx, { binds, tmpfs: { "/tmp": "mode=1777" }, user: "10001:10001", command });
}

/** As the engine asks; then, more strictly, until all workers are ready. */
async function healthy(app: Container): Promise<void> {
  for (const command of [image.healthcheck, ["fcgi-pm", "status"]]) {
    const isFine = async () => (await app.exec(...command)).code === 0;
    await until(isFine, { what: `status 0 of ${command.join(" ")}`, timeoutMs: 30_000 });
  }
}

/** As a client of the published port. */
function get(path: string): Promise<string> {
  return engine.shell(
    `curl --silent --show-error --max-time 20 --write-out '%{http_code}' http://127.0.0.1:8080${path}`,
  );
}

describe.each(["compose", "kubernetes"] as const)("with a volume like that of %s", (like) => {
  test("the image serves through nginx as PID 1 of a user without rights, and drains on the stop signal", async () => {
    const volume = await newVolume(like);
    const app = await startApp(volume);
    await healthy(app);
    const web = await startNginx(volume);
    const answer = await until(() => get("/a%20path"), { what: "an answer", timeoutMs: 20_000 });
    expect(answer).toMatch(/^hello from \/a path, pid \d+, user 10001\n200$/);
    expect(await get("/-/nginx")).toBe("nginx\n200");
    // Whoever shares the socket cannot command the manager.
    expect((await web.exec("ls", "/run/fcgi-pm")).code).not.toBe(0);
    web.signal("SIGQUIT");
    expect(await web.ended).toMatchObject({ code: 0 });
    app.signal(image.stopSignal);
    expect(await app.ended).toMatchObject({ code: 0, signal: null });
  });
});

test("the probes of kubernetes.yaml tell a served app from one that is not, in its container", async () => {
  const app = await startApp(await newVolume("kubernetes"));
  await healthy(app);
  const probe = () => app.exec("fcgi-pm", "status", "--app", "hello", "--ready");
  expect(await probe()).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(await app.exec("fcgi-pm", "stop", "hello")).toMatchObject({ code: 0 });
  expect(await probe()).toMatchObject({ code: 3, stdout: "hello: stopped, 0 of 0 workers ready\n" });
  expect(await app.exec("fcgi-pm", "restart", "hello")).toMatchObject({ code: 0 });
  expect((await probe()).code).toBe(0);
  app.signal("SIGTERM");
  expect(await app.ended).toMatchObject({ code: 0 });
});

test("fcgi-pm is PID 1 itself, with no shell before it, and its workers have no rights either", async () => {
  const app = await startApp(await newVolume("compose"));
  await healthy(app);
  const { stdout } = await app.exec("cat", "/proc/1/status");
  expect(stdout).toMatch(/^Name:\tfcgi-pm/m);
  const workers = processes().filter(({ parent }) => parent === app.pid);
  expect(workers).toHaveLength(4);
  for (const { pid } of [{ pid: app.pid }, ...workers]) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:\t10001\t10001\t10001\t10001$/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  }
});

test("workers that do not start end the container with 1, as its config says, and the log tells why", async () => {
  const app = await startApp(
    await newVolume("compose"),
    "fcgi-pm",
    "start",
    "--exit-on",
    "backoff",
    "--wsgi",
    "nothing:app",
  );
  const { code, stderr } = await app.ended;
  expect(code).toBe(1);
  expect(stderr).toContain("error: Cannot run nothing: no worker gets ready");
  expect(stderr).toContain("ModuleNotFoundError");
});

test("a container that was killed leaves its socket in the volume, and the next one takes its place", async () => {
  const volume = await newVolume("kubernetes");
  const first = await startApp(volume);
  await healthy(first);
  await startNginx(volume);
  await until(async () => (await get("/")).endsWith("200"), { what: "an answer" });
  first.signal("SIGKILL");
  await first.ended;
  expect(await get("/")).toMatch(/502$/);
  const second = await startApp(volume);
  await healthy(second);
  expect(await get("/")).toMatch(/200$/);
  second.signal("SIGTERM");
  expect(await second.ended).toMatchObject({ code: 0 });
});

test("any user will do, without an account; a directory that cannot be made is refused with the reason", async () => {
  const binds = (await newVolume("kubernetes")).binds;
  const user = "1000650000:0";
  const anybody = { "/run/app": "mode=1777", "/run/fcgi-pm": "mode=1777", "/tmp": "mode=1777" };
  const app = await engine.run(image, { tmpfs: anybody, user });
  await healthy(app);
  app.signal("SIGTERM");
  expect(await app.ended).toMatchObject({ code: 0 });
  const command = ["env", "RUNTIME_DIRECTORY=/srv/none/deep", "fcgi-pm", "start", "/bin/true"];
  const refused = await engine.run(image, { binds, user, command });
  expect(await refused.ended).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("/srv/none/deep cannot be made (the file system is read-only)"),
  });
});

test("the config passes check in its container", async () => {
  const app = await startApp(await newVolume("compose"));
  await healthy(app);
  expect(await app.exec("fcgi-pm", "check", "/etc/fcgi-pm/fcgi-pm.toml")).toMatchObject({ code: 0 });
});
