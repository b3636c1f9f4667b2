import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export { type Echo, readEcho } from "./echo.ts";

/** Where the fixtures' sources lie. */
export const appsDirectory = fileURLToPath(new URL("../../fixtures/apps/", import.meta.url));

/** A program of fixtures/apps, ready to be started with the listener as fd 0. */
export interface Program {
  readonly name: string;
  /** The program and its arguments. The first look at it compiles it where needed, and throws if a peer is missing. */
  readonly command: readonly string[];
  /** What its environment needs beside PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** The script that requests have to name in SCRIPT_FILENAME (php-cgi, fcgiwrap). */
  readonly scriptFilename: string | undefined;
  /** What it is known for, as far as tests have to care. */
  readonly traits: Traits;
}

/** How a program differs from what all the others do. */
export interface Traits {
  /** It reports SCRIPT_NAME and PATH_INFO as they were sent (Go's library hides them). */
  readonly tellsPaths: boolean;
  /** Of a parameter sent twice (SCRIPT_NAME by nginx at the root) libfcgi gives C the first; others take the last. */
  readonly takesFirstParam: boolean;
  /** It puts a SHA-1 of the body into its answer. */
  readonly tellsSha: boolean;
  /** `exit=N` ends the worker with code N. */
  readonly exitsOnRequest: boolean;
  /** One worker answers several requests at once. */
  readonly isConcurrent: boolean;
  /** What SIGTERM does to a request in progress. */
  readonly onTerm: "finishes" | "loses" | "survives";
  /** It stays alive when a client connects and leaves without a word. */
  readonly survivesEmptyConnection: boolean;
  /** It puts O_NONBLOCK on the listener, for all its siblings. */
  readonly setsNonblock: boolean;
}

const usual: Traits = {
  tellsPaths: true,
  takesFirstParam: false,
  tellsSha: true,
  exitsOnRequest: true,
  isConcurrent: false,
  onTerm: "loses",
  survivesEmptyConnection: true,
  setsNonblock: false,
};

/** A command that succeeds where the peer is installed, and the Debian package that brings it. */
interface Peer {
  readonly package: string;
  readonly proof: readonly [string, ...string[]];
}

const peers = {
  gcc: { package: "gcc libc6-dev libfcgi-dev", proof: ["gcc", "-E", "-include", "fcgiapp.h", "-x", "c", "/dev/null"] },
  go: { package: "golang-go", proof: ["go", "version"] },
  perl: { package: "libfcgi-perl", proof: ["perl", "-MFCGI", "-MDigest::SHA", "-e", "1"] },
  cgifast: { package: "libcgi-fast-perl", proof: ["perl", "-MCGI::Fast", "-e", "1"] },
  ruby: { package: "ruby ruby-fcgi", proof: ["ruby", "-rfcgi", "-e", "1"] },
  php: { package: "php-cgi", proof: ["php-cgi", "-v"] },
  fcgiwrap: { package: "fcgiwrap", proof: ["fcgiwrap", "-h"] },
  python: { package: "python3", proof: ["/usr/bin/python3", "-c", "1"] },
  shell: { package: "dash", proof: ["/bin/sh", "-c", ":"] },
  node: { package: "nodejs", proof: ["node", "-e", "1"] },
} as const satisfies Record<string, Peer>;

const proven = new Set<Peer>();

/** Throws unless the peer works here: a missing one fails the test, it never skips it. */
function need(peer: Peer, name: string): void {
  if (proven.has(peer)) return;
  const [program, ...args] = peer.proof;
  const { status, error, stderr } = spawnSync(program, args, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) {
    const why = error?.message ?? stderr.trim().split("\n")[0] ?? `exit ${status}`;
    throw new Error(
      `Cannot use ${name}: "${peer.proof.join(" ")}" fails: ${why}\n` +
        `  try: bash test/install-peers.sh (${peer.package})`,
    );
  }
  proven.add(peer);
}

/** One directory for each state of the sources, so that jest's workers share what is built, and never race. */
export function buildDirectory(): string {
  const sum = createHash("sha256").update(process.arch);
  for (const file of readdirSync(appsDirectory).sort()) {
    if (/\.(c|h|go)$/.test(file)) sum.update(file).update(readFileSync(join(appsDirectory, file)));
  }
  const directory = join(tmpdir(), `fcgi-pm-programs-${process.getuid?.() ?? 0}-${sum.digest("hex").slice(0, 12)}`);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  if (statSync(directory).uid !== (process.getuid?.() ?? 0)) {
    throw new Error(`Cannot build programs in "${directory}": it belongs to somebody else\n  try: remove it`);
  }
  return directory;
}

const compilers = {
  c: (source: string, target: string) => ["gcc", "-O1", "-Wall", "-pthread", "-o", target, source, "-lfcgi"],
  go: (source: string, target: string) => ["go", "build", "-o", target, source],
} as const;

/** Compiles a source of fixtures/apps under a temporary name and renames it, once for each state of the sources. */
function build(source: string, language: keyof typeof compilers): string {
  const directory = buildDirectory();
  const target = join(directory, basename(source, `.${language}`) + (language === "go" ? "-go" : ""));
  if (existsSync(target)) return target;
  const unfinished = `${target}.${process.pid}`;
  const [compiler, ...args] = compilers[language](join(appsDirectory, source), unfinished);
  const env = {
    HOME: directory,
    GOCACHE: join(directory, "go-cache"),
    GOFLAGS: "-mod=mod",
    CGO_ENABLED: "0",
    ...process.env,
  };
  try {
    execFileSync(compiler as string, args, {
      cwd: directory,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
    });
    renameSync(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw new Error(`Cannot build ${source}: ${(error as { stderr?: string }).stderr || error}`, { cause: error });
  }
  return target;
}

/** Makes a program whose command is found out, and checked, when it is first asked for. */
function program(
  name: string,
  peer: Peer,
  command: () => string[],
  more: Partial<Program> & { is?: Partial<Traits> } = {},
): Program {
  let found: string[] | undefined;
  return {
    name,
    get command() {
      if (!found) need(peer, name);
      found ??= command();
      return found;
    },
    env: more.env ?? {},
    scriptFilename: more.scriptFilename,
    traits: { ...usual, ...more.is },
  };
}

const file = (name: string): string => join(appsDirectory, name);
const c = (name: string, is: Partial<Traits> = {}, env: Record<string, string> = {}): Program =>
  program(name, peers.gcc, () => [build(`${name}.c`, "c")], {
    env,
    is: { onTerm: "finishes", tellsSha: false, takesFirstParam: true, ...is },
  });
const script = (name: string, peer: Peer, is: Partial<Traits> = {}): Program =>
  program(name.replace(/\.\w+$/, ""), peer, () => [file(name)], { is });

/** The same program in the languages people use; see fixtures/apps/README.md for what they answer. */
export const echoes = {
  c: c("echo"),
  threads: c("echo-threads", { isConcurrent: true, onTerm: "survives" }),
  perl: script("echo-perl.fcgi", peers.perl, { onTerm: "finishes" }),
  cgifast: script("echo-cgifast.fcgi", peers.cgifast, { onTerm: "finishes" }),
  ruby: script("echo-ruby.fcgi", peers.ruby, { survivesEmptyConnection: false }),
  go: program("echo-go", peers.go, () => [build("echo.go", "go")], {
    is: { tellsPaths: false, isConcurrent: true, setsNonblock: true },
  }),
  php: program("php-cgi", peers.php, () => ["php-cgi"], {
    scriptFilename: file("echo.php"),
    is: { exitsOnRequest: false, onTerm: "finishes" },
  }),
  fcgiwrap: program("fcgiwrap", peers.fcgiwrap, () => ["fcgiwrap"], {
    scriptFilename: file("echo-cgi.sh"),
    is: { exitsOnRequest: false },
  }),
  python: script("echo-python.fcgi", peers.python),
  node: program("echo-node", peers.node, () => [file("echo-node.fcgi")], { is: { isConcurrent: true } }),
} as const satisfies Record<string, Program>;

/** Programs that wait for requests otherwise than in accept, all of them echoes. */
export const waiters = {
  select: script("waits-in-select.py", peers.python),
  poll: script("waits-in-poll.py", peers.python),
  epoll: script("waits-in-epoll.py", peers.python),
} as const satisfies Record<string, Program>;

/** Programs that make a manager's life hard. Each source says how. Those in C and Python are echoes too. */
export const behaviours = {
  diesOnSigterm: c("dies-on-sigterm", { onTerm: "loses" }),
  diesOnSecondSigterm: c("dies-on-second-sigterm"),
  ignoresSigterm: c("ignores-sigterm", { onTerm: "survives" }),
  finishesOnSigterm: c("finishes-on-sigterm"),
  slowToStart: c("slow-to-start"),
  slowToStartGo: program("slow-to-start-go", peers.go, () => [build("slow-to-start.go", "go")], {
    is: { isConcurrent: true, setsNonblock: true },
  }),
  diesAtOnce: script("dies-at-once", peers.shell),
  diesAtBootThenHeals: c("dies-at-boot-then-heals"),
  leaksAGrandchild: c("leaks-a-grandchild"),
  leavesOrphans: c("leaves-orphans"),
  bindsItsOwnPath: script("binds-its-own-path.py", peers.python),
  floodsStderr: c("floods-stderr"),
  saysOddThings: script("says-odd-things.py", peers.python),
  crashesOnRequest: c("crashes-on-request"),
  exitsAfterNRequests: c("exits-after-n-requests"),
  sleepsThenAnswers: c("sleeps-then-answers"),
} as const satisfies Record<string, Program>;

/** No FastCGI, and files that are no program at all. */
export const others = {
  plainLoop: script("plain-loop.sh", peers.shell),
  hasCrlf: script("has-crlf-in-its-first-line.sh", peers.shell),
  needsAMissingInterpreter: script("needs-a-missing-interpreter.fcgi", peers.shell),
  isNotExecutable: script("is-not-executable.sh", peers.shell),
} as const satisfies Record<string, Program>;

/** Every program, by its name. */
export const programs: ReadonlyMap<string, Program> = new Map(
  [echoes, waiters, behaviours, others].flatMap((family) =>
    Object.values(family).map((one) => [one.name, one] as const),
  ),
);

/** Builds and checks them all ahead, for a `beforeAll` with patience: Go's first build takes half a minute. */
export function buildPrograms(wanted: Iterable<Program> = programs.values()): void {
  for (const one of wanted) void one.command;
}
