/** One manager with the same programs over Unix sockets and TCP, and what fcgi-pm generates for them. */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Generate, Tls, WebKind } from "./generated-servers.ts";
import { bin, discard, type RunningManager, root, startReady } from "./manager.ts";
import { echoes } from "./programs.ts";
import { freePort, publicDirectory } from "./webservers.ts";

export const languages = ["c", "perl", "go", "node", "tells", "php", "fcgiwrap"] as const;
export type Language = (typeof languages)[number];
export type Transport = "unix" | "tcp";

export interface GeneratedSite {
  readonly directory: string;
  /** The directory of PHP's scripts. */
  readonly scripts: string;
  /** The app's name is LANGUAGE-TRANSPORT. */
  start(): Promise<RunningManager>;
  /** Runs `fcgi-pm generate KIND …` for this site, with `--listen`. */
  generate(kind: WebKind, ...words: string[]): Generate;
  certificate(): Tls;
  discard(): void;
}

/** Puts everything where a web server of another user can read it, and a config beside it. */
export async function makeSite(): Promise<GeneratedSite> {
  const directory = publicDirectory("fpm-");
  const scripts = scriptsOf(directory);
  cpSync(join(root, "fixtures/generated/php"), scripts, { recursive: true });
  copyFileSync(echoes.php.scriptFilename ?? "", join(directory, "echo.php"));
  cpSync(join(root, "fixtures/generated/tells.py"), join(directory, "tells.py"));
  copyFileSync(echoes.fcgiwrap.scriptFilename ?? "", join(scripts, "echo.sh"));
  chmodSync(join(scripts, "echo.sh"), 0o755);
  const file = join(directory, "fcgi-pm.toml");
  const tables = await Promise.all(languages.flatMap((name) => [unix(name, directory), tcp(name, directory)]));
  writeFileSync(file, `${defaults}\n${tables.join("\n")}\n${many}`);
  chmodSync(file, 0o644);
  return {
    directory,
    scripts,
    start: () => startReady(["--config", file]),
    generate:
      (kind, ...words) =>
      (listen) => {
        const args = [bin, "generate", kind, ...words, "--config", file, "--listen", listen];
        return execFileSync(process.execPath, args, { encoding: "utf8", cwd: directory });
      },
    certificate: () => certify(directory),
    discard: () => discard(directory),
  };
}

/** A name that every language has to quote. */
const scriptsOf = (directory: string) => join(directory, `it's a "site"`);

const defaults = `[defaults]
processes = 2
python = "/usr/bin/python3"
socket-mode = "0666"
env = { PYTHONDONTWRITEBYTECODE = "1" }
`;

/** So many at once that some may be kept. */
const many = `[apps.many]
wsgi = "tells:app"
socket = "many.sock"
processes = 4
threads = 8
`;

function unix(language: Language, directory: string): string {
  return `[apps.${language}-unix]\nsocket = "${language}.sock"\n${lines(language, directory)}`;
}

async function tcp(language: Language, directory: string): Promise<string> {
  return `[apps.${language}-tcp]\nport = ${await freePort()}\n${lines(language, directory)}`;
}

function lines(language: Language, directory: string): string {
  if (language === "tells") return 'wsgi = "tells:app"\n';
  const { command } = echoes[language];
  if (language === "fcgiwrap") return `command = "fcgiwrap"\ncwd = ${JSON.stringify(scriptsOf(directory))}\n`;
  if (language !== "php") return `command = ${JSON.stringify(command)}\n`;
  const cwd = JSON.stringify(scriptsOf(directory));
  return `command = ${JSON.stringify(command)}\ncwd = ${cwd}\nenv = { ECHO = ${JSON.stringify(join(directory, "echo.php"))} }\n`;
}

/** Made with openssl, for localhost. */
function certify(directory: string): Tls {
  const place = join(directory, "tls");
  mkdirSync(place, { recursive: true });
  const [certificate, key, both] = ["certificate", "key", "both"].map((name) => join(place, `${name}.pem`)) as [
    string,
    string,
    string,
  ];
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost`.split(
    " ",
  );
  execFileSync("openssl", [...words, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  execFileSync("sh", ["-c", 'cat "$1" "$2" > "$3"', "sh", certificate, key, both]);
  for (const path of [certificate, key, both]) chmodSync(path, 0o644);
  return { certificate, key, both };
}
