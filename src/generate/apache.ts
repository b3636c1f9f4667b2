/** Apache with mod_proxy_fcgi: a virtual host with a Location for each app. */
import { bodyLimitMegabytes, type Heading, heading } from "./web-heading.ts";
import {
  dottedBehindSlash,
  filesNote,
  hiddenNote,
  otherSourcePattern,
  sourceNote,
  sourcePattern,
} from "./web-hidden.ts";
import { explainKept } from "./web-keep-alive.ts";
import { quoteApache, quoteApachePath, quoteApacheSocket } from "./web-quote.ts";
import { frontOf, type Mounted, type WebProgram, type WebSite } from "./web-site.ts";
import { block, comment, hostAndPort, literally, oneOf, paragraphs } from "./web-text.ts";

const about: Heading = {
  kind: "apache",
  place: "/etc/apache2/sites-available/NAME.conf",
  needs: "a2enmod proxy_fcgi",
  test: "a2ensite NAME; apachectl configtest",
  reload: "systemctl reload apache2",
  https:
    "for HTTPS make it a <VirtualHost *:443> with SSLEngine and the certificate (certbot --apache does); HTTPS=on is sent then.",
  missingName:
    "Without a ServerName Apache takes the first virtual host for every name: a2dissite 000-default, or give --server-name.",
};

/** Debian's MaxRequestWorkers: so many connections at most, kept ones included. */
const mostConnections = 150;

export function generateApache(site: WebSite): string[] {
  const { host, port } = site.listen;
  const listen = port === 80 ? [] : ["", ...comment(`Take this out if ports.conf has it.`), `Listen ${address(site)}`];
  return [
    ...heading(about, site),
    ...listen,
    "",
    ...block(
      `<VirtualHost ${host === undefined ? "*" : hostAndPort({ host, port }).replace(/:\d+$/, "")}:${port}>`,
      paragraphs(
        [
          ...(site.serverName === undefined ? [] : [`ServerName ${site.serverName}`]),
          "# A %2F in a path is a slash, as for other web servers; Apache's own answer to it is 404.",
          "AllowEncodedSlashes On",
        ],
        ...site.apps.map((mounted) => place(mounted)),
      ),
      "</VirtualHost>",
    ),
  ];
}

function address({ listen: { host, port } }: WebSite): string {
  return host === undefined ? String(port) : hostAndPort({ host, port });
}

function place(mounted: Mounted): string[] {
  const { program } = mounted.app;
  if (program.kind === "scripts") return scripts(mounted, program);
  return mounted.static === undefined ? application(mounted) : applicationWithFiles(mounted, mounted.static);
}

/**
 * The name before the first slash tells the workers of mod_proxy apart, not the path of the socket: one for each app. ProxyPass
 * puts what follows the mount behind `end`, a handler the whole name of the file.
 */
function backend({ app }: Mounted, before = "", end = ""): string {
  const { listen, name } = app;
  if (listen.kind === "tcp") return quoteApache(`${before}fcgi://${hostAndPort(listen)}${end}`);
  return quoteApacheSocket(`${before}unix:`, listen.path, `|fcgi://${hostName(name)}${end}`);
}

function hostName(app: string): string {
  return app.replace(/[^a-z0-9.-]/g, (char) => `-${char.charCodeAt(0).toString(16)}-`);
}

function application(mounted: Mounted): string[] {
  return block(
    `<Location "${mounted.at || "/"}">`,
    [
      ...keepNote(mounted),
      `ProxyPass ${backend(mounted, "", mounted.at === "" ? "/" : "")} ${proxySettings(mounted).join(" ")}`,
      ...conversation(mounted),
    ],
    "</Location>",
  );
}

/** What ProxyPass takes is asked for whatever lies on disk; a handler can be left out for files. */
function applicationWithFiles(mounted: Mounted, directory: string): string[] {
  return paragraphs(
    [
      ...comment(filesNote("Apache", mounted.app.name)),
      mapping(mounted, directory),
      ...directoryBlock(directory, ["DirectorySlash Off", "DirectoryIndex disabled"]),
    ],
    worker(mounted),
    block(
      `<Location "${mounted.at || "/"}">`,
      [
        ...block(`<If "${noFile(mounted)}">`, [`SetHandler ${backend(mounted, "proxy:")}`], "</If>"),
        ...conversation(mounted),
      ],
      "</Location>",
    ),
  );
}

/** What follows a file's name is a path of the app's, too. */
function noFile({ at }: Mounted): string {
  const hidden = [dottedBehindSlash, `.*${sourcePattern}`].map((pattern) => `m#^${literally(at)}/${pattern}#`);
  const paths = hidden.map((pattern) => `%{REQUEST_URI} =~ ${pattern}`);
  return ["! -f %{REQUEST_FILENAME}", "%{PATH_INFO} != ''", ...paths].join(" || ");
}

/**
 * Of a socket the settings stand in the head: a ProxySet inside would take a `>` in the name for its end. Of an address they
 * stand inside: in the head `[::1]` would be a pattern, and refused.
 */
function worker(mounted: Mounted): string[] {
  const [name, settings] = [backend(mounted), proxySettings(mounted).join(" ")];
  const isSocket = mounted.app.listen.kind === "unix";
  const section = isSocket
    ? [`<Proxy ${name} ${settings}>`, "</Proxy>"]
    : block(`<Proxy ${name}>`, [`ProxySet ${settings}`], "</Proxy>");
  return [...keepNote(mounted), ...section];
}

function mapping({ at }: Mounted, directory: string): string {
  return at === "" ? `DocumentRoot ${quoteApache(directory)}` : `Alias "${at}" ${quoteApache(directory)}`;
}

function directoryBlock(directory: string, more: readonly string[]): string[] {
  return block(
    `<Directory ${quoteApachePath(directory)}>`,
    ["Require all granted", "AllowOverride None", "Options FollowSymLinks", ...more],
    "</Directory>",
  );
}

function isReused({ app: { connections = 0, keepsConnections } }: Mounted): boolean {
  return keepsConnections && (connections === "any" || connections >= mostConnections);
}

/** A kept connection in Apache belongs to one of its processes, and cannot be had by the others. */
function keepNote({ app }: Mounted): string[] {
  const most = `Apache has at most ${mostConnections} (Debian's MaxRequestWorkers)`;
  if (isReused({ app, at: "" }))
    return comment(`${most} connections at once, and the workers bear them all: they are kept.`);
  if (!app.keepsConnections) return comment(explainKept({ app, at: "" }, 0, 1));
  return comment(`No connections are kept: an idle one occupies a worker, ${most}, and there are fewer workers.`);
}

/** retry=0: an app that was down is asked again with the next request, not after a minute. */
function proxySettings(mounted: Mounted): string[] {
  const reuse = isReused(mounted) ? "on" : "off";
  return ["retry=0", "connectiontimeout=5", `timeout=${mounted.app.patienceSeconds}`, `enablereuse=${reuse}`];
}

/** Apache has its own idea of SCRIPT_NAME, and of PATH_INFO none: `proxy-fcgi-pathinfo` comes too late for it. */
function conversation({ at, app }: Mounted): string[] {
  const { program } = app;
  const script = program.kind === "application" ? program.script : undefined;
  return [
    `ProxyFCGISetEnvIf "true" SCRIPT_NAME "${at}"`,
    `ProxyFCGISetEnvIf "%{REQUEST_URI} =~ m#^${literally(at)}(.*)#" PATH_INFO "$1"`,
    ...(script === undefined ? [] : [`ProxyFCGISetEnvIf "true" SCRIPT_FILENAME ${quoteApacheValue(script)}`]),
    ...common,
  ];
}

/** Of an expression: `$1` would be what a pattern found. */
function quoteApacheValue(value: string): string {
  return quoteApache(value.replace(/[\\$%]/g, "\\$&"));
}

const common = [
  "# No address of the proxy before SCRIPT_FILENAME, which only PHP takes off.",
  "ProxyFCGIBackendType GENERIC",
  "# The Authorization header reaches the app.",
  "CGIPassAuth On",
  "# mod_proxy does not look at LimitRequestBody. A chunked body has no length, and no limit here.",
  ...block(`<If "req_novary('Content-Length') -gt ${bodyLimitMegabytes * 2 ** 20}">`, ["Redirect 413"], "</If>"),
];

type Scripts = Extract<WebProgram, { kind: "scripts" }>;

function scripts(mounted: Mounted, { root, extensions, index }: Scripts): string[] {
  const { at } = mounted;
  const front = frontOf({ extensions, index });
  return paragraphs(
    [
      ...comment(
        front === undefined
          ? "Everything but the scripts is served as it is."
          : `Everything but the scripts is served as it is. What is no file goes to ${front}, as WordPress and its like want it.`,
      ),
      mapping(mounted, root),
      ...directoryBlock(root, [
        ...(index.length === 0 ? [] : [`DirectoryIndex ${index.map((file) => quoteApache(file)).join(" ")}`]),
        ...(front === undefined ? [] : [`FallbackResource ${quoteApache(`${at}/${front}`)}`]),
        ...block(
          `<FilesMatch "\\.${oneOf(extensions)}$">`,
          block('<If "-f %{REQUEST_FILENAME}">', [`SetHandler ${backend(mounted, "proxy:")}`], "</If>"),
          "</FilesMatch>",
        ),
        ...common,
      ]),
    ],
    worker(mounted),
    // By the URL, since another app may run what is a source to this one, from the same directory.
    [
      ...comment(sourceNote),
      ...block(
        `<LocationMatch "^${literally(at)}/.*${otherSourcePattern(extensions)}">`,
        block(`<If "-f %{REQUEST_FILENAME} && %{PATH_INFO} == ''">`, ["Redirect 404"], "</If>"),
        "</LocationMatch>",
      ),
    ],
    [...comment(hiddenNote), `RedirectMatch 404 "^${literally(at)}/${dottedBehindSlash}"`],
  );
}
