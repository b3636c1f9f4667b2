/** Caddy: a site with a handle for each app. */
import { bodyLimitMegabytes, type Heading, heading } from "./web-heading.ts";
import { dottedPattern, filesNote, hiddenNote, sourceNote, sourcePattern, wellKnownPattern } from "./web-hidden.ts";
import { quoteCaddy, quoteCaddyDirectory, quoteCaddySocket } from "./web-quote.ts";
import { frontOf, type Mounted, type WebProgram, type WebSite } from "./web-site.ts";
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
    block(`${address(site)} {`, paragraphs(...bind(site), common, ...site.apps.map(place), otherPaths(site))),
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
  "request_header -*_* # X_Y would be HTTP_X_Y, as X-Y is",
];

/** Caddy's own answer is an empty one with 200. */
function otherPaths({ apps }: WebSite): string[] {
  return apps.some(({ at }) => at === "") ? [] : block("handle {", ["respond 404"]);
}

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
      ...comment(filesNote("Caddy", app.name)),
      ...block("@file {", [
        ...block("file {", [`root ${quoteCaddyDirectory(directory)}`, "try_files {path}"]),
        ...block("not {", dotted),
        `not path_regexp \`${sourcePattern}\``,
      ]),
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
    ]).concat(status),
  );
}

/** Of CGI: a Location without a Status is a redirect. Status itself is for the web server. */
const status = [
  ...block("@redirect {", ["header Location *", "header !Status"]),
  "replace_status @redirect 302",
  "header_down -Status",
];

const dotted = [`path_regexp \`${dottedPattern}\``, `not path_regexp \`${wellKnownPattern}\``];

type Scripts = Extract<WebProgram, { kind: "scripts" }>;

function scripts(mounted: Mounted, { root, extensions, index }: Scripts): string[] {
  const { at } = mounted;
  const front = frontOf({ extensions, index });
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
    [...comment(hiddenNote), ...block("@hidden {", dotted), ...block("handle @hidden {", ["respond 404"])],
    [
      ...comment(sourceNote),
      ...block("@source {", [
        `path_regexp \`${sourcePattern}\``,
        `not path_regexp \`\\.${oneOf(extensions)}$\``,
        "file {path}",
      ]),
      ...block("handle @source {", ["respond 404"]),
    ],
    index.length === 0
      ? []
      : [
          ...comment("A directory with an index has a slash at its end, or links in its page would lead elsewhere."),
          ...block("@directory {", [
            ...block("file {", [`try_files ${index.map((file) => quoteCaddy(file, "{path}/")).join(" ")}`]),
            "not path */ //*",
          ]),
          `redir @directory ${at}{path}/?{query} 308`,
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
