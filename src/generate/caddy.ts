/** Caddy: a site with a handle for each app. */
import { bodyLimitMegabytes, type Heading, heading } from "./web-heading.ts";
import { quoteCaddy, quoteCaddyDirectory, quoteCaddySocket } from "./web-quote.ts";
import type { Mounted, WebProgram, WebSite } from "./web-site.ts";
import { block, comment, hostAndPort, oneOf, paragraphs } from "./web-text.ts";

const about: Heading = {
  kind: "caddy",
  place: "/etc/caddy/Caddyfile",
  test: "caddy validate --config /etc/caddy/Caddyfile --adapter caddyfile",
  reload: "systemctl reload caddy",
  https: "with a --server-name Caddy gets a certificate by itself and serves HTTPS; HTTPS=on is sent then.",
  missingName: "It answers for every name, without HTTPS.",
};

export function generateCaddy(site: WebSite): string[] {
  const lines = paragraphs(
    heading(about, site),
    block(`${address(site)} {`, paragraphs(...bind(site), common, ...site.apps.map(place))),
  );
  return lines.map(tabbed);
}

/** As `caddy fmt` has it; Caddy warns of another form. */
function tabbed(line: string): string {
  return line.replace(/^(?: {4})+/, (blanks) => "\t".repeat(blanks.length / 4));
}

/** A name alone means HTTPS, and a redirect from port 80. */
function address({ serverName, listen: { port } }: WebSite): string {
  if (serverName === undefined) return port === 443 ? "https://" : `:${port}`;
  if (port === 80 || port === 443) return serverName;
  return `http://${serverName}:${port}`;
}

function bind({ listen: { host } }: WebSite): string[][] {
  return host === undefined ? [] : [[`bind ${host}`]];
}

const common = [
  ...block("request_body {", [`max_size ${bodyLimitMegabytes}MiB # what is larger is answered with 413`]),
  "request_header -Proxy # programs would take it for their proxy",
];

function place(mounted: Mounted): string[] {
  const { at, app } = mounted;
  const body = app.program.kind === "scripts" ? scripts(mounted, app.program) : application(mounted, app.program);
  if (at === "") return block("handle {", body);
  const matcher = `@${matcherName(app.name)}`;
  return [
    `${matcher} path ${at} ${at}/*`,
    ...block(`handle ${matcher} {`, paragraphs([`uri strip_prefix ${at}`], body)),
  ];
}

/** Letters, digits and the underscore: others have a meaning in placeholders. */
function matcherName(app: string): string {
  return `fcgi_pm_${app.replace(/\W/g, (char) => `_${char.charCodeAt(0).toString(16)}_`)}`;
}

type Application = Extract<WebProgram, { kind: "application" }>;

function application(mounted: Mounted, { script }: Application): string[] {
  const { at, app, static: directory } = mounted;
  const env = [`SCRIPT_NAME \`${at}\``, ...(script === undefined ? [] : [`SCRIPT_FILENAME ${quoteCaddy(script)}`])];
  if (directory === undefined) return proxy(mounted, [], env);
  return paragraphs(
    [
      ...comment(`Files of the directory are served by Caddy; ${app.name} gets what is no file there.`),
      ...block("@file file {", [`root ${quoteCaddyDirectory(directory)}`, "try_files {path}"]),
      ...block("handle @file {", [`root * ${quoteCaddyDirectory(directory)}`, "file_server"]),
    ],
    block("handle {", proxy(mounted, [], env)),
  );
}

/** For an upload or a download on a slow line (measured: read_timeout 3s cuts an answer that comes by the second after three). */
const wholeSeconds = 3600;

/** Caddy closes every connection to an app after its answer: there is nothing to keep. */
function proxy({ app }: Mounted, more: readonly string[], env: readonly string[]): string[] {
  const { listen, patienceSeconds } = app;
  const upstream = listen.kind === "unix" ? quoteCaddySocket(listen.path) : hostAndPort(listen);
  return block(
    `reverse_proxy ${upstream} {`,
    block("transport fastcgi {", [
      ...more,
      ...env.map((line) => `env ${line}`),
      "dial_timeout 5s # a connection waits in the socket's queue, which counts as connected",
      "# Both are for the whole of it, not for a silence, and a slow client counts.",
      `read_timeout ${Math.max(wholeSeconds, patienceSeconds)}s`,
      `write_timeout ${wholeSeconds}s`,
    ]),
  );
}

type Scripts = Extract<WebProgram, { kind: "scripts" }>;

function scripts(mounted: Mounted, { root, extensions, index }: Scripts): string[] {
  const { at } = mounted;
  const [front] = index;
  const ending = `\\.${oneOf(extensions)}(?:/|$)`;
  const tries = [
    "{path}",
    ...index.map((file) => quoteCaddy(file, "{path}/")),
    ...(front === undefined ? [] : [quoteCaddy(front, "/")]),
  ];
  const env = [
    `SCRIPT_NAME ${quoteCaddy(at, "", "{re.script.1}")}`,
    `SCRIPT_FILENAME ${quoteCaddy(root, "", "{re.script.1}")}`,
    "PATH_INFO {re.script.2}",
  ];
  const body = paragraphs(
    [`root * ${quoteCaddyDirectory(root)}`],
    [
      ...comment("Nobody gets .git, .env or .htaccess."),
      ...block("@hidden {", ["path */.*", "not path */.well-known/*"]),
      ...block("handle @hidden {", ["respond 404"]),
    ],
    [
      ...block("@other {", [`not path_regexp \`${ending}\``, ...block("file {", [`try_files ${tries.join(" ")}`])]),
      "rewrite @other {file_match.relative}",
    ],
    [
      `@script path_regexp script \`^(/.+?\\.${oneOf(extensions)})(/.*)?$\``,
      ...block("handle @script {", [
        "@there file {re.script.1}",
        ...block("handle @there {", proxy(mounted, [`root ${quoteCaddy(root)}`], env)),
        "respond 404",
      ]),
    ],
    block("handle {", ["file_server"]),
  );
  // Caddy sorts directives, and would look for files before the mount is taken off; in a route they stand as they are.
  return block("route {", body);
}
