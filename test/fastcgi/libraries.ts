/**
 * Asks the FastCGI libraries of this machine what the specification demands, and prints the table of docs/fastcgi-libraries.md.
 *
 *     npx esbuild test/fastcgi/libraries.ts --bundle --platform=node --format=esm --packages=external \
 *       --define:import.meta.url=__url '--banner:js=const __url = `file://${process.cwd()}/test/fastcgi/libraries.ts`;' \
 *       --outfile=node_modules/.libraries.mjs && node node_modules/.libraries.mjs
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { echoes } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { type Demand, demands, type Subject, type Verdict } from "./library-demands.ts";
import { bundle, collect, makeDirectory, run, Undo } from "./peers.ts";
import { RawPeer } from "./raw-peer.ts";

/** A library, and a program on it. */
interface Library {
  readonly name: string;
  readonly version: string;
  readonly command: readonly string[];
  readonly scriptFilename?: string | undefined;
}

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const packageVersion = (path: string): string =>
  (JSON.parse(readFileSync(local(path), "utf8")) as { version: string }).version;

/** The version of a package of Debian. */
const debian = (name: string): string =>
  execFileSync("dpkg-query", ["-W", "-f", "$" + "{Version}", name], { encoding: "utf8" });

function libraries(directory: string): Library[] {
  const { c, perl, ruby, php, go } = echoes;
  return [
    {
      name: "fcgi-pm",
      version: packageVersion("../../package.json"),
      command: [process.execPath, bundle("echo-fcgi-pm", directory)],
    },
    { name: "libfcgi (C)", version: debian("libfcgi-dev"), command: c.command },
    { name: "FCGI (Perl)", version: debian("libfcgi-perl"), command: perl.command },
    { name: "fcgi (Ruby, pure)", version: debian("ruby-fcgi"), command: ruby.command },
    { name: "php-cgi", version: debian("php8.2-cgi"), command: php.command, scriptFilename: php.scriptFilename },
    {
      name: "net/http/fcgi (Go)",
      version: execFileSync("go", ["env", "GOVERSION"], { encoding: "utf8" }).trim(),
      command: go.command,
    },
    {
      name: "node-fastcgi",
      version: packageVersion("../../node_modules/node-fastcgi/package.json"),
      command: [process.execPath, local("./programs/echo-node-fastcgi.cjs")],
    },
  ];
}

/** Starts the program on a blocking listener of its own and asks it one thing. */
async function ask(library: Library, demand: Demand): Promise<Verdict> {
  const undo = new Undo();
  try {
    const path = join(makeDirectory(undo), "app.sock");
    const launcher = run(undo, "/usr/bin/python3", [local("./programs/launcher.py"), path]);
    const out = collect(launcher.stdout);
    undo.add(async () => {
      launcher.stdin?.end();
      if (launcher.exitCode === null) await once(launcher, "close");
    });
    launcher.stdin?.write(`${library.command.join(" ")}\n`);
    await until(() => out.text.endsWith("\n"), { what: `${library.name} to start` });
    const pid = Number(out.text);
    const subject: Subject = {
      connect: () => new RawPeer({ kind: "unix", path }, undo),
      isAlive: () => !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1")),
      scriptFilename: library.scriptFilename ?? "/x",
    };
    await until(() => subject.isAlive(), { what: `${library.name} to run` });
    return await demand.ask(subject);
  } finally {
    await undo.all();
  }
}

const undo = new Undo();
const all = libraries(makeDirectory(undo));
console.log(`| demand | ${all.map(({ name, version }) => `${name} ${version}`).join(" | ")} |`);
console.log(`|---|${"---|".repeat(all.length)}`);
for (const demand of demands) {
  const verdicts: Verdict[] = [];
  for (const library of all) verdicts.push(await ask(library, demand));
  console.log(`| ${demand.title} | ${verdicts.join(" | ")} |`);
}
await undo.all();
