/**
 * Containers without an engine: a Dockerfile is built, and its image run, in namespaces of their own on an overlay of this
 * machine's root. What the base images would bring has to be installed here; nothing of it is written to.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "@jest/globals";
import { root as checkout, childrenOf, discard, type Ended, scratch, tryKill } from "./manager.ts";
import { until } from "./wait.ts";

export interface Image {
  /** Its root directory inside the engine's mount namespace. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly stopSignal: NodeJS.Signals;
}

export interface RunOptions {
  /** Instead of the image's own. */
  readonly command?: readonly string[];
  readonly user?: string;
  /** Directories and files of the engine, by the path in the container. */
  readonly binds?: Readonly<Record<string, string>>;
  /** Paths in the container, with options of mount. */
  readonly tmpfs?: Readonly<Record<string, string>>;
}

export interface Container {
  /** Its PID 1, as this machine counts. */
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** What it wrote to standard error so far. */
  stderr(): string;
  /** Runs a command in it to its end, as the image's user. */
  exec(...command: string[]): Promise<Ended>;
  signal(name: NodeJS.Signals): void;
}

export interface Engine {
  /** Where its own files lie, as its containers' mounts name them. */
  readonly directory: string;
  /** An image that is just this machine's root. */
  machine(): Promise<Image>;
  run(image: Image, options?: RunOptions): Promise<Container>;
  /** Runs shell words on the engine's files as root, in its network. Throws what they wrote when they fail. */
  shell(words: string): Promise<string>;
  /** The same in an image, with this machine's network, from which packages come. */
  shellIn(image: Image, words: string): Promise<string>;
}

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const bare: Omit<Image, "root"> = {
  env: { PATH: path },
  cwd: "/",
  user: "0:0",
  entrypoint: [],
  command: [],
  healthcheck: [],
  stopSignal: "SIGTERM",
};

/** Higher than any pid can be. */
const nobody = 0x7ffffff0;

/** One for the tests of a file; all that runs in it ends with it. */
export function useEngine(): Engine {
  let holder: ChildProcess | undefined;
  let directory = "";
  let pid = 0;
  // Where this machine sees them, too.
  let outside = "";
  let stages = 0;
  const ends: Promise<Ended>[] = [];
  const alive = new Set<number>();
  beforeAll(async () => {
    directory = scratch();
    outside = scratch();
    const words = 'mount -t tmpfs -o mode=755 engine "$0" && ip link set lo up && echo up && exec cat';
    const spaces = ["--mount", "--net", "--pid", "--propagation", "private", "--fork", "--kill-child"];
    holder = spawn("unshare", [...spaces, "sh", "-c", words, directory], { stdio: ["pipe", "pipe", "inherit"] });
    await once(holder.stdout as NodeJS.ReadableStream, "data");
    pid = childrenOf(holder.pid ?? 0)[0] ?? 0;
  });
  afterEach(async () => {
    for (const init of alive) tryKill(init);
    await Promise.all(ends);
  });
  afterAll(async () => {
    if (holder !== undefined && holder.exitCode === null) {
      const ended = once(holder, "close");
      tryKill(holder.pid ?? 0);
      await ended;
      await Promise.all(ends);
    }
    for (const one of [directory, outside]) discard(one);
  });

  /** In the engine, but with this machine's network, from which npm installs. */
  const enter = (...more: string[]) => ["nsenter", "-t", String(pid), "--mount", "--pid", ...more, "--"];
  const shell = (words: string) => succeed([...enter("--net"), "sh", "-ec", words]);

  /** A root directory of its own, in which the checkout, /run and /tmp are empty. */
  const newRoot = async () => {
    stages += 1;
    const own = join(directory, String(stages));
    const root = join(own, "root");
    await shell(
      `mkdir -p ${own}/up ${own}/work ${root}
       mount -t overlay -o lowerdir=/,upperdir=${own}/up,workdir=${own}/work overlay ${root}
       mount -t proc proc ${root}/proc; mount --rbind /dev ${root}/dev
       mount -t tmpfs -o mode=1777 tmp ${root}/tmp; mkdir -p ${root}${checkout}; mount -t tmpfs none ${root}${checkout}
       rm -rf ${root}/run/*`,
    );
    return root;
  };
  const machine = async (): Promise<Image> => ({ ...bare, root: await newRoot() });

  const run = async (image: Image, options: RunOptions = {}): Promise<Container> => {
    const { root } = image;
    const mounts = [
      ...Object.entries(options.tmpfs ?? {}).map(([at, how]) => `mount -t tmpfs -o ${how} tmpfs ${root}${at}`),
      ...Object.entries(options.binds ?? {}).map(([at, what]) => `mount --bind ${what} ${root}${at}`),
    ];
    const command = options.command ?? [...image.entrypoint, ...image.command];
    const user = { user: options.user ?? image.user, cwd: image.cwd };
    // Read-only but for what is mounted on it, as compose.yaml and kubernetes.yaml have it.
    const words = `mount --rbind ${root} ${root}; mount -o remount,bind,ro ${root}; mount -t proc proc ${root}/proc
      ${mounts.join("\n")}
      exec "$@"`;
    const spaces = [
      "unshare",
      "--pid",
      "--mount",
      "--ipc",
      "--uts",
      "--fork",
      "--kill-child",
      "sh",
      "-ec",
      words,
      "sh",
    ];
    const output = join(outside, String(ends.length));
    mkdirSync(output);
    const started = startWithFiles([...enter("--net"), ...spaces, ...inRoot(image, user), ...command], output);
    const { child, ended, stderr } = started;
    ends.push(ended);
    const isOurs = (first: number) => childrenOf(first).length === 1;
    // One that ends at once may be over before it is seen: no process has the number then.
    const isOver = () => child.exitCode !== null || child.signalCode !== null;
    const initOf = () =>
      childrenOf(child.pid ?? 0)
        .filter(isOurs)
        .flatMap(childrenOf)[0];
    const init = await until(() => initOf() ?? (isOver() && nobody), { what: "the namespaces" });
    alive.add(init);
    void ended.then(() => alive.delete(init));
    const inside = ["nsenter", "-t", String(init), "--mount", "--net", "--pid", "--root", "--"];
    return {
      pid: init,
      ended,
      stderr,
      exec: (...words) => start([...inside, ...inRoot({ ...image, root: "/" }, user), ...words]),
      signal: (name) => tryKill(init, name),
    };
  };

  return {
    get directory() {
      return directory;
    },
    machine,
    run,
    shell,
    shellIn: (image, words) => succeed([...enter(), ...inRoot(image, { cwd: image.cwd }), "sh", "-ec", words]),
  };
}

/** Words that run others in the image's root, with its environment and nothing of ours; not as root they have no rights left. */
function inRoot({ root, env }: Image, { user = "0:0", cwd }: { user?: string; cwd: string }): string[] {
  const [uid = "", gid = uid] = user.split(":");
  const variables = Object.entries({ HOME: uid === "0" ? "/root" : "/", ...env }).map(
    ([name, value]) => `${name}=${value}`,
  );
  const rights = uid === "0" ? [] : ["--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"];
  const as = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", ...rights];
  return ["chroot", root, ...as, "env", "-i", `--chdir=${cwd}`, ...variables];
}

function start([command = "", ...args]: readonly string[]): Promise<Ended> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk;
    });
  }
  return new Promise((done) => child.once("close", (code, signal) => done({ code, signal, ...text })));
}

/** Its output goes to files, as nginx opens /dev/stderr anew, as its own user: of a socket, which Node would give it, nobody can. */
function startWithFiles([command = "", ...args]: readonly string[], directory: string) {
  const files = ["stdout", "stderr"].map((name) => join(directory, name)) as [string, string];
  const fds = files.map((file) => openSync(file, "a"));
  for (const file of files) chmodSync(file, 0o666);
  const child = spawn(command, args, { stdio: ["ignore", ...fds] });
  for (const fd of fds) closeSync(fd);
  const [stdout, stderr] = files.map((file) => () => readFileSync(file, "utf8")) as [() => string, () => string];
  const ended = new Promise<Ended>((done) => {
    child.once("close", (code, signal) => done({ code, signal, stdout: stdout(), stderr: stderr() }));
  });
  return { child, ended, stderr };
}

async function succeed(command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await start(command);
  if (code !== 0) throw new Error(`"${command.at(-1)}" failed with ${code}: ${stdout}${stderr}`);
  return stdout;
}
