/** The real web servers, each around a configuration that fcgi-pm has generated and that is not touched. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { WebKind } from "../../src/generate/web-site.ts";
import { freePort, isRoot, type Kind, start, type WebServer } from "./webservers.ts";

export type { WebKind } from "../../src/generate/web-site.ts";

/** Files of PEM. */
export interface Tls {
  readonly certificate: string;
  readonly key: string;
  /** One after the other in one file. */
  readonly both: string;
}

/** What stands around the generated file, as Debian's own configuration does. */
interface Frame {
  readonly name: string;
  around(directory: string, site: string, spare: number): string;
  command(directory: string, site: string): readonly [string, ...string[]];
  /** What an administrator changes for HTTPS. */
  secure(text: string, port: number, tls: Tls): string;
}

const modules = "/usr/lib/apache2/modules";
const apacheModules = [
  "mpm_event",
  "authz_core",
  "alias",
  "dir",
  "mime",
  "socache_shmcb",
  "ssl",
  "proxy",
  "proxy_fcgi",
];

const frames: { readonly [K in WebKind]: Frame } = {
  nginx: {
    name: "nginx",
    around: (directory, site) => `daemon off;
${isRoot ? "user www-data;" : ""}
worker_processes 2;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log info;
events { worker_connections 512; }
http {
  access_log ${directory}/access.log;
  client_body_temp_path ${directory}/body;
  fastcgi_temp_path ${directory}/fastcgi;
  proxy_temp_path ${directory}/proxy;
  scgi_temp_path ${directory}/scgi;
  uwsgi_temp_path ${directory}/uwsgi;
  include ${site};
}
`,
    command: (directory) => ["nginx", "-p", directory, "-c", `${directory}/nginx.conf`],
    secure: (text, port, { certificate, key }) =>
      swap(
        text,
        `listen 127.0.0.1:${port};`,
        `listen 127.0.0.1:${port} ssl; ssl_certificate ${certificate}; ssl_certificate_key ${key};`,
      ),
  },
  apache: {
    name: "apache",
    around: (directory, site) => `ServerRoot ${directory}
ServerName localhost
DefaultRuntimeDir ${directory}
PidFile ${directory}/apache.pid
Mutex file:${directory} default
ErrorLog ${directory}/error.log
LogLevel info
${apacheModules.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join("\n")}
TypesConfig /etc/mime.types
${isRoot ? "User www-data\nGroup www-data" : ""}
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 128
<Directory />
  Require all denied
</Directory>
Include ${site}
`,
    command: (directory) => ["apache2", "-DFOREGROUND", "-f", `${directory}/apache.conf`],
    secure: (text, port, { certificate, key }) =>
      swap(
        text,
        `<VirtualHost 127.0.0.1:${port}>`,
        `<VirtualHost 127.0.0.1:${port}>\nSSLEngine on\nSSLCertificateFile ${certificate}\nSSLCertificateKeyFile ${key}`,
      ),
  },
  lighttpd: {
    name: "lighttpd",
    around: (directory, site, spare) => `server.bind = "127.0.0.1"
server.port = ${spare}
server.document-root = "${directory}/htdocs"
server.errorlog = "${directory}/error.log"
server.upload-dirs = ("${directory}/tmp")
mimetype.assign = (".html" => "text/html", "" => "text/plain")
${isRoot ? 'server.username = "www-data"\nserver.groupname = "www-data"' : ""}
include "${site}"
`,
    command: (directory) => ["lighttpd", "-D", "-f", `${directory}/lighttpd.conf`],
    secure: (text, port, { certificate, key }) =>
      swap(
        text,
        `$SERVER["socket"] == "127.0.0.1:${port}" {`,
        `server.modules += ("mod_openssl")\n$SERVER["socket"] == "127.0.0.1:${port}" {\nssl.engine = "enable"\nssl.pemfile = "${certificate}"\nssl.privkey = "${key}"`,
      ),
  },
  haproxy: {
    name: "haproxy",
    around: () => `global
  log stderr format raw local0
  ${isRoot ? "user www-data\n  group www-data" : ""}
`,
    command: (directory, site) => ["haproxy", "-db", "-f", `${directory}/haproxy.conf`, "-f", site],
    secure: (text, port, { both }) => swap(text, `bind 127.0.0.1:${port}`, `bind 127.0.0.1:${port} ssl crt ${both}`),
  },
  caddy: {
    name: "caddy",
    around: (_directory, site) => `{
  admin off
  auto_https disable_redirects
}
import ${site}
`,
    command: (directory) => [
      "env",
      `XDG_DATA_HOME=${directory}/tmp/data`,
      `XDG_CONFIG_HOME=${directory}/tmp/config`,
      ...(isRoot ? ["setpriv", "--reuid=www-data", "--regid=www-data", "--init-groups"] : []),
      ...["caddy", "run", "--config", `${directory}/caddy.conf`, "--adapter", "caddyfile"],
    ],
    secure: (text, port, { certificate, key }) =>
      swap(text, `:${port} {`, `https://localhost:${port} {\n\ttls ${certificate} ${key}`),
  },
};

function swap(text: string, before: string, after: string): string {
  if (!text.includes(before)) throw new Error(`The generated file does not say "${before}"`);
  return text.replace(before, () => after);
}

/** What a generated file is asked for: `listen` is where it has to listen. */
export type Generate = (listen: string) => string;

/** Starts the server around what is generated for a free port of 127.0.0.1; `url` is its root. */
export async function startGenerated(kind: WebKind, generate: Generate, tls?: Tls): Promise<WebServer> {
  const spare = await freePort();
  const frame = frames[kind];
  const siteOf = (directory: string) => join(directory, "generated.conf");
  const server: Kind = {
    name: frame.name,
    configure(directory, port) {
      const text = generate(`127.0.0.1:${port}`);
      writeFileSync(siteOf(directory), tls === undefined ? text : frame.secure(text, port, tls));
      return frame.around(directory, siteOf(directory), spare);
    },
    command: (directory) => frame.command(directory, siteOf(directory)),
  };
  return start(server, "/");
}

const proofs: { readonly [K in WebKind]: (file: string, site: string) => readonly string[] } = {
  nginx: (file) => ["nginx", "-t", "-c", file],
  apache: (file) => ["apache2", "-t", "-f", file],
  lighttpd: (file) => ["lighttpd", "-tt", "-f", file],
  haproxy: (file, site) => ["haproxy", "-c", "-f", file, "-f", site],
  caddy: (file) => ["caddy", "validate", "--config", file, "--adapter", "caddyfile"],
};

/** The server's own judgement of a generated file: undefined if it is right, or else what the server says. */
export function complaintOf(kind: WebKind, text: string, directory: string): string | undefined {
  const [file, site] = [join(directory, `${kind}.conf`), join(directory, "generated.conf")];
  writeFileSync(site, text);
  writeFileSync(file, frames[kind].around(directory, site, 65_535));
  const [program = "", ...args] = proofs[kind](file, site);
  const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: directory };
  const { status, stderr, stdout } = spawnSync(program, args, { env, encoding: "utf8", timeout: 30_000 });
  return status === 0 ? undefined : `${stdout}${stderr}\n${text}`;
}
