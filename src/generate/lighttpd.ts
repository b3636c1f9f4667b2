/** lighttpd with mod_fastcgi, and its fix for SCRIPT_NAME at the root. */
import { FcgiPmError } from "../errors.ts";
import { bodyLimitMegabytes, type Heading, heading } from "./web-heading.ts";
import { filesNote, hiddenNote, otherSourcePattern, sourceNote, sourcePattern } from "./web-hidden.ts";
import { quoteLighttpd } from "./web-quote.ts";
import { frontOf, type Mounted, type WebProgram, type WebSite } from "./web-site.ts";
import { block, comment, hostAndPort, literally, oneOf, paragraphs } from "./web-text.ts";

const about: Heading = {
  kind: "lighttpd",
  place: "/etc/lighttpd/conf-enabled/90-NAME.conf",
  test: "lighttpd -tt -f /etc/lighttpd/lighttpd.conf",
  reload: "systemctl reload lighttpd",
  https: "for HTTPS lighty-enable-mod ssl and give the socket its certificate; HTTPS=on is sent then.",
  missingName: "It answers for every name: give --server-name where lighttpd has more than one site.",
};

export function generateLighttpd(site: WebSite): string[] {
  return paragraphs(
    heading(about, site),
    [`server.modules += (${modules(site).map(quoteLighttpd).join(", ")})`],
    underSocket(site, underName(site, paragraphs(limits(), ...site.apps.map(underPath)))),
  );
}

function modules({ apps }: WebSite): string[] {
  const rewrites = apps.some(({ static: files, app }) => files !== undefined || hasFront(app.program));
  return ["mod_fastcgi", "mod_alias", "mod_access", ...(rewrites ? ["mod_rewrite"] : [])];
}

function hasFront(program: WebProgram): boolean {
  return program.kind === "scripts" && frontOf(program) !== undefined;
}

/** The usual port is that of Debian's lighttpd.conf. */
function underSocket({ listen: { host, port } }: WebSite, body: string[]): string[] {
  if (port === 80 && host === undefined) return body;
  const socket = host === undefined ? `:${port}` : hostAndPort({ host, port });
  return block(`$SERVER["socket"] == "${socket}" {`, body);
}

/**
 * Outside of a condition Debian's lighttpd.conf has set much of it already, and a second time is an error. Inside of one it
 * holds instead of that: every host fits.
 */
function underName({ serverName, listen }: WebSite, body: string[]): string[] {
  const hasSocket = listen.port !== 80 || listen.host !== undefined;
  if (serverName === undefined) return hasSocket ? body : block('$HTTP["host"] =~ "" {', body);
  return block(`$HTTP["host"] =~ "^${literally(serverName)}(?::[0-9]+)?$" {`, body);
}

function limits(): string[] {
  return [
    `server.max-request-size = ${bodyLimitMegabytes * 1024}  # in kB; what is larger is answered with 413`,
    "# A body is read before the app is asked; of an answer more than 64 kB wait in a temporary file: a slow client holds no worker.",
    "server.stream-request-body = 0",
    "server.stream-response-body = 1",
  ];
}

function underPath(mounted: Mounted): string[] {
  const { at, app } = mounted;
  if (app.program.kind === "application" && mounted.static !== undefined) return withFiles(mounted, mounted.static);
  const body = app.program.kind === "scripts" ? scripts(mounted, app.program) : application(mounted);
  return at === "" ? body : block(`$HTTP["url"] =~ "^${literally(at)}(?:/|$)" {`, body);
}

/** lighttpd closes every connection to an app after its answer: there is nothing to keep. */
function backend({ app }: Mounted, more: readonly string[]): string[] {
  const { listen, patienceSeconds } = app;
  const address =
    listen.kind === "unix"
      ? [`"socket" => ${quoteLighttpd(listen.path)},`]
      : [`"host" => ${quoteLighttpd(listen.host)}, "port" => ${listen.port},`];
  return [
    ...address,
    ...more,
    '"connect-timeout" => 5,',
    '"write-timeout" => 60,',
    `"read-timeout" => ${patienceSeconds},`,
    '"disable-time" => 0  # an app that was down is asked again at once',
  ];
}

function fastcgi(key: string, settings: readonly string[]): string[] {
  return block(`fastcgi.server = (${quoteLighttpd(key)} => ((`, settings, ")))");
}

/** Without the fix everything is SCRIPT_NAME at the root, and PATH_INFO is empty. */
function application(mounted: Mounted): string[] {
  const { at, app } = mounted;
  const fix = at === "" ? ['"fix-root-scriptname" => "enable",'] : [];
  const { script } = app.program as Extract<WebProgram, { kind: "application" }>;
  return [
    ...(script === undefined ? [] : scriptFile(at, script)),
    ...fastcgi(at || "/", backend(mounted, ['"check-local" => "disable",', ...fix])),
  ];
}

/** SCRIPT_FILENAME is what the alias makes of the mount; at the root lighttpd has the document root there. */
function scriptFile(at: string, script: string): string[] {
  if (at === "")
    throw new FcgiPmError(
      "FCGI_PM_USAGE_WRONG",
      "Cannot name one script at the root: lighttpd sends its document root",
      {
        remedy: "give it a path: --at /app",
      },
    );
  return [`alias.url += ("${at}" => ${quoteLighttpd(script)})`];
}

/** URLs below it stand for files, until it turns out that there is none. */
const aside = "/fcgi-pm-files";

function withFiles(mounted: Mounted, directory: string): string[] {
  const { at, app } = mounted;
  const hidden = `(?![^?]*/\\.(?!well-known/))(?![^?]*${sourcePattern.replace(/\$$/, "(?:[?]|$)")})`;
  return paragraphs(
    [
      ...comment(
        `${filesNote("lighttpd", app.name)} lighttpd asks mod_fastcgi first: ` +
          "so each URL is put aside, and put back where there is no such file. The app sees its own URL all the same.",
      ),
      `alias.url += ("${aside}/" => ${quoteLighttpd(`${directory}/`)})`,
      `url.rewrite-repeat = ("^(?!${aside}/)${literally(at)}${hidden}(/.*)$" => "${aside}$1")`,
      `url.rewrite-if-not-file = ("^${aside}(/.*)$" => "${at}$1")`,
    ],
    // For those that came another way, such as one with a sign written as %2E.
    block(`$HTTP["url"] =~ "^${aside}/(?:.*/)?(?:\\.(?!well-known/)|.*${sourcePattern})" {`, [
      'url.access-deny = ("")',
    ]),
    block(`$HTTP["url"] !~ "^${aside}/" {`, application(mounted)),
  );
}

type Scripts = Extract<WebProgram, { kind: "scripts" }>;

function scripts(mounted: Mounted, { root, extensions, index }: Scripts): string[] {
  const { at } = mounted;
  const front = frontOf({ extensions, index });
  const place =
    at === "" ? `server.document-root = ${quoteLighttpd(root)}` : `alias.url += ("${at}" => ${quoteLighttpd(root)})`;
  const settings = backend(mounted, []);
  return paragraphs(
    [place, ...(index.length === 0 ? [] : [`index-file.names = (${index.map(quoteLighttpd).join(", ")})`])],
    [
      ...comment(hiddenNote),
      `$HTTP["url"] =~ "/\\.(?!well-known/)" { url.access-deny = ("") }`,
      ...comment(sourceNote),
      `$HTTP["url"] =~ "^(?!.*\\.${oneOf(extensions)}/).*${otherSourcePattern(extensions)}" { url.access-deny = ("") }`,
    ],
    front === undefined ? [] : frontRules(at, extensions, front),
    block(
      "fastcgi.server = (",
      extensions.flatMap((extension) => block(`".${extension}" => ((`, settings, ")),")),
      ")",
    ),
  );
}

/** Rules are tried in turn for what is no file; an empty target leaves the URL as it is. */
function frontRules(at: string, extensions: readonly string[], front: string): string[] {
  const mount = literally(at);
  const file = literally(front);
  const target = (path: string) => quoteLighttpd(path);
  return [
    ...comment(
      `What is no file goes to the ${front} of its directory, or else to the one at the top, as WordPress and its like want it.`,
    ),
    ...block(
      "url.rewrite-repeat-if-not-file = (",
      [
        `"^${mount}/${file}(?:[/?]|$)" => "",`,
        `"^${mount}/[^?]*/${file}(\\?.*)?$" => ${target(`${at}/${front}$1`)},`,
        `"^[^?]*\\.${oneOf(extensions)}(?:[/?]|$)" => "",`,
        `"^(${mount}/(?:[^?]*/)?)(\\?.*)?$" => ${target(`$1${front}$2`)},`,
        `"^[^?]*(\\?.*)?$" => ${target(`${at}/${front}$1`)}`,
      ],
      ")",
    ),
  ];
}
