import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./wait.ts";

/** Where an app listens: the path of a Unix socket, or a port of this machine. */
export type Upstream = { readonly unix: string } | { readonly port: number };

/** What every web server here wants to know. */
interface Common {
  readonly upstream: Upstream;
  /** Sent as SCRIPT_FILENAME, for php-cgi and fcgiwrap. */
  readonly scriptFilename?: string | undefined;
  /** Who the server is when the tests run as root: www-data. It must be allowed to use the app's socket. */
  readonly user?: string;
  /** More lines for the server's configuration, before the site's own. */
  readonly extra?: string;
}

/**
 * nginx as Flask's documentation configures it: "/" and "/yourapplication" of the older edition, "/" and "/fcgi" of the
 * newer one. `keepConn` sends FCGI_KEEP_CONN and lets nginx keep so many idle connections: each occupies a worker that
 * serves one connection at a time, so with as many as there are workers everything stands still.
 */
export interface NginxOptions extends Common {
  readonly mount: "/" | "/yourapplication" | "/fcgi";
  readonly edition?: "old" | "new";
  readonly keepConn?: number;
}

/**
 * lighttpd: "/yourapplication.fcgi" is the documentation's, which rewrites every URL to go there; "/" is the root with
 * fix-root-scriptname. There `scriptFilename` is sent after lighttpd's own: fcgiwrap takes the first, and fails.
 */
export interface LighttpdOptions extends Common {
  readonly mount: "/" | "/yourapplication.fcgi";
}

/**
 * Apache with mod_proxy_fcgi, as the newer edition of the documentation has it. That sends no PATH_INFO at all: its
 * `proxy-fcgi-pathinfo` comes too late and only reaches the app as a parameter. `pathInfo` adds a line that sends it.
 */
export interface ApacheOptions extends Common {
  readonly mount: "/" | "/fcgi";
  readonly pathInfo?: boolean;
}

/** A web server that runs and listens. */
export interface WebServer {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** Where the app is mounted, without a slash at the end. */
  readonly url: string;
  readonly directory: string;
  /** What it wrote to its error log and to its own stderr. */
  log(): string;
  /** Ends it, and waits for its end. Its directory is gone then. */
  stop(): Promise<void>;
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** Makes a temporary directory that other users can pass and look into, for sockets that a web server has to reach. */
export function publicDirectory(prefix = "fcgi-pm-"): string {
  const directory = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(directory, 0o755);
  return directory;
}

/** One HTTP request on a connection of its own. A body is sent with its length. */
export function get(
  url: string,
  options: { method?: string; body?: Buffer | string; headers?: OutgoingHttpHeaders; timeoutMs?: number } = {},
): Promise<Answer> {
  const body = Buffer.from(options.body ?? "");
  const method = options.method ?? (options.body === undefined ? "GET" : "POST");
  const headers = { ...(options.body === undefined ? {} : { "Content-Length": body.length }), ...options.headers };
  const timeoutMs = options.timeoutMs ?? 60_000;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false, timeout: timeoutMs }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const whole = Buffer.concat(parts);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: whole, text: whole.toString() });
      });
    });
    sent.on("timeout", () => sent.destroy(new Error(`Got no answer from ${url} for ${timeoutMs} ms`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** From 32768 on the kernel gives ports to whoever asks for any, connections among them. */
const [lowestPort, highestPort] = [10_000, 32_767];
const portShares = 4;
const givenPorts = new Set<number>();

/**
 * A port that nobody listens on, at any address, at this moment, and that nobody is given by chance. Each of jest's workers
 * has a share of its own, and no port is given twice in one file of tests.
 */
export async function freePort(): Promise<number> {
  const share = Number(process.env["JEST_WORKER_ID"] ?? 0) % portShares;
  const places = Math.floor((highestPort - lowestPort + 1) / portShares);
  for (let tries = 0; tries < places; tries += 1) {
    const port = lowestPort + portShares * Math.floor(Math.random() * places) + share;
    if (givenPorts.has(port) || !(await isFree(port))) continue;
    givenPorts.add(port);
    return port;
  }
  throw new Error("There is no free port");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}

export const isRoot = process.getuid?.() === 0;

/** Reads a template beside this file and puts the words in; a word that does not occur in it is a mistake. */
function fill(template: string, words: Readonly<Record<string, string>>): string {
  const source = readFileSync(fileURLToPath(new URL(`./webservers/${template}`, import.meta.url)), "utf8");
  return Object.entries(words).reduce((text, [word, value]) => {
    if (!text.includes(word)) throw new Error(`Cannot fill in ${template}: it does not say "${word}"`);
    return text.replaceAll(word, () => value);
  }, source);
}

/** What differs between the servers. */
export interface Kind {
  readonly name: string;
  /** The whole configuration, for a directory of its own and a port. */
  configure(directory: string, port: number): string;
  command(directory: string): readonly [string, ...string[]];
}

const whereNothingIsStatic = (directory: string): string => `${directory}/static/`;

/** Whether somebody accepts connections at the port. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

/** A directory with what all servers want: an empty document root, a place for uploads, somewhere to log. */
function prepare(name: string): string {
  const directory = publicDirectory(`fcgi-pm-${name}-`);
  for (const part of ["htdocs", "static"]) mkdirSync(join(directory, part));
  mkdirSync(join(directory, "tmp"));
  chmodSync(join(directory, "tmp"), 0o1777);
  writeFileSync(join(directory, "static", "file.txt"), "a static file\n");
  writeFileSync(join(directory, "error.log"), "");
  chmodSync(join(directory, "error.log"), 0o666);
  return directory;
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

async function end(child: ChildProcess, name: string): Promise<void> {
  if (!hasEnded(child)) child.kill("SIGTERM");
  await until(() => hasEnded(child), { what: `${name} (process ${child.pid}) to end`, timeoutMs: 60_000 });
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** Starts the server and waits until it listens. A port that was lost meanwhile is replaced. */
export async function start(kind: Kind, mount: string, tries = 3): Promise<WebServer> {
  const directory = prepare(kind.name);
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const port = await freePort();
  try {
    writeFileSync(join(directory, `${kind.name}.conf`), kind.configure(directory, port));
  } catch (error) {
    remove();
    throw error;
  }
  const { child, trouble } = launch(kind.command(directory), directory);
  const log = (): string => read(join(directory, "output.log")) + read(join(directory, "error.log"));
  const endWithUs = (): void => {
    child.kill("SIGTERM");
    remove();
  };
  process.once("exit", endWithUs);
  const stop = async (): Promise<void> => {
    await end(child, kind.name);
    process.off("exit", endWithUs);
    remove();
  };
  const settled = async (): Promise<boolean> => trouble() !== undefined || (await accepts(port));
  await until(settled, { what: `${kind.name} to listen`, timeoutMs: 60_000 }).catch(async (error) => {
    await stop();
    throw error;
  });
  const why = trouble();
  if (why === undefined) {
    const url = `http://127.0.0.1:${port}${mount === "/" ? "" : mount}`;
    return { name: kind.name, pid: child.pid ?? 0, port, url, directory, log, stop };
  }
  const said = log();
  process.off("exit", endWithUs);
  remove();
  if (tries > 1 && /in use/i.test(said)) return start(kind, mount, tries - 1);
  throw new Error(
    `Cannot start ${kind.name}: ${why}\n  try: bash test/install-peers.sh, if it is not installed\n${said}`,
  );
}

/** Starts it in the foreground. `trouble` tells, as soon as it is known, why it does not run or no longer does. */
function launch([program, ...args]: readonly [string, ...string[]], cwd: string) {
  const output = openSync(join(cwd, "output.log"), "a");
  const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C" };
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", output, output] });
  closeSync(output);
  let failure: string | undefined;
  child.once("error", (error) => {
    failure = error.message;
  });
  const trouble = (): string | undefined =>
    failure ?? (hasEnded(child) ? `it ended with ${child.exitCode ?? child.signalCode}` : undefined);
  return { child, trouble };
}

const nginxSites = {
  old: { "/": "nginx-root.conf", "/yourapplication": "nginx-yourapplication.conf", "/fcgi": undefined },
  new: { "/": "nginx-root-new.conf", "/yourapplication": undefined, "/fcgi": "nginx-fcgi.conf" },
} as const;

function nginxSite(options: NginxOptions, directory: string): string {
  const edition = options.edition ?? (options.mount === "/fcgi" ? "new" : "old");
  const site = nginxSites[edition][options.mount];
  if (!site) throw new Error(`The ${edition} edition of the documentation does not mount nginx at ${options.mount}`);
  const { upstream, scriptFilename } = options;
  const direct = "unix" in upstream ? `unix:${upstream.unix}` : `localhost:${upstream.port}`;
  const pass = options.keepConn ? "app;\n        fastcgi_keep_conn on" : direct;
  const script = scriptFilename ? `fastcgi_param SCRIPT_FILENAME ${scriptFilename};\n        ` : "";
  const printed = edition === "old" ? "unix:/tmp/yourapplication-fcgi.sock" : "localhost:8080";
  const words: Record<string, string> = { [`fastcgi_pass ${printed}`]: `${script}fastcgi_pass ${pass}` };
  if (site === "nginx-root-new.conf") words["/home/project/code/static"] = whereNothingIsStatic(directory);
  return fill(site, words);
}

/** Starts nginx in front of an app. */
export function startNginx(options: NginxOptions): Promise<WebServer> {
  const { upstream, extra = "", user = "www-data" } = options;
  const server = "unix" in upstream ? `unix:${upstream.unix}` : `127.0.0.1:${upstream.port}`;
  const configure = (directory: string, port: number): string => {
    copyFileSync("/etc/nginx/fastcgi_params", join(directory, "fastcgi_params"));
    return fill("nginx.conf", {
      "{{site}}": nginxSite(options, directory),
      "{{upstream}}": options.keepConn ? `upstream app { server ${server}; keepalive ${options.keepConn}; }` : "",
      "{{processes}}": options.keepConn ? "1" : "2",
      "{{user}}": isRoot ? `user ${user};` : "",
      "{{extra}}": extra,
      "{{port}}": String(port),
      "{{directory}}": directory,
    });
  };
  const command = (directory: string): readonly [string, ...string[]] => [
    "nginx",
    "-p",
    directory,
    "-c",
    `${directory}/nginx.conf`,
  ];
  return start({ name: "nginx", configure, command }, options.mount);
}

/** Starts lighttpd in front of an app. fcgi-pm has the program: bin-path and max-procs are left out. */
export function startLighttpd(options: LighttpdOptions): Promise<WebServer> {
  const { upstream, scriptFilename, extra = "", user = "www-data", mount } = options;
  const socket =
    "unix" in upstream ? `"socket" => "${upstream.unix}"` : `"host" => "127.0.0.1", "port" => ${upstream.port}`;
  const configure = (directory: string, port: number): string => {
    const words: Record<string, string> = { '"socket" => "/tmp/yourapplication-fcgi.sock"': socket };
    if (mount !== "/") words["/path/to/your/static/"] = whereNothingIsStatic(directory);
    // SCRIPT_FILENAME is document root + SCRIPT_NAME here; where that is empty, setenv sends it a second time.
    if (scriptFilename) symlinkSync(scriptFilename, join(directory, "htdocs", "yourapplication.fcgi"));
    const setenv = `setenv.set-environment = ("SCRIPT_FILENAME" => "${scriptFilename}")\n`;
    return fill("lighttpd.conf", {
      "{{site}}": fill(mount === "/" ? "lighttpd-root.conf" : "lighttpd-yourapplication.conf", words),
      "{{user}}": isRoot ? `server.username = "${user}"\nserver.groupname = "${user}"` : "",
      "{{extra}}": scriptFilename && mount === "/" ? setenv + extra : extra,
      "{{port}}": String(port),
      "{{directory}}": directory,
    });
  };
  const command = (directory: string): readonly [string, ...string[]] => [
    "lighttpd",
    "-D",
    "-f",
    `${directory}/lighttpd.conf`,
  ];
  // Whatever the mount: the documentation's rewrites every URL.
  return start({ name: "lighttpd", configure, command }, "/");
}

function apacheSite(options: ApacheOptions, directory: string): string {
  const { upstream, mount } = options;
  const [printed, slash] = mount === "/" ? ["fcgi://localhost:8080/", "/"] : ["fcgi://localhost:8080", ""];
  const target =
    "unix" in upstream
      ? `"unix:${upstream.unix}|fcgi://localhost${slash}"`
      : `fcgi://localhost:${upstream.port}${slash}`;
  const words: Record<string, string> = { [printed]: target };
  if (mount === "/") words["/home/project/code/static/"] = whereNothingIsStatic(directory);
  return fill(mount === "/" ? "apache-root.conf" : "apache-fcgi.conf", words);
}

/** Starts Apache in front of an app. It never serves as root. */
export function startApache(options: ApacheOptions): Promise<WebServer> {
  const { scriptFilename, extra = "", user = "www-data" } = options;
  const configure = (directory: string, port: number): string => {
    const mounted = options.mount === "/" ? "" : options.mount;
    const pathInfo = `ProxyFCGISetEnvIf "%{REQUEST_URI} =~ m#^${mounted}(.*)#" PATH_INFO "$1"`;
    const script = scriptFilename ? `ProxyFCGISetEnvIf true SCRIPT_FILENAME ${scriptFilename}` : "";
    return fill("apache.conf", {
      "{{site}}": [apacheSite(options, directory), options.pathInfo ? pathInfo : "", script].join("\n"),
      "{{user}}": isRoot ? `User ${user}\nGroup ${user}` : "",
      "{{extra}}": extra,
      "{{modules}}": "/usr/lib/apache2/modules",
      "{{port}}": String(port),
      "{{directory}}": directory,
    });
  };
  const command = (directory: string): readonly [string, ...string[]] => [
    "apache2",
    "-DFOREGROUND",
    "-f",
    `${directory}/apache.conf`,
  ];
  return start({ name: "apache", configure, command }, options.mount);
}
