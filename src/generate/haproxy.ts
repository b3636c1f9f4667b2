/** HAProxy: a frontend, and for each app a backend with its fcgi-app. */
import { FcgiPmError } from "../errors.ts";
import { bodyLimitMegabytes, type Heading, heading } from "./web-heading.ts";
import { explainKept, keptConnections } from "./web-keep-alive.ts";
import { quoteHaproxy, quoteHaproxyAddress, quoteHaproxyFormat } from "./web-quote.ts";
import { frontOf, type Mounted, type WebProgram, type WebSite } from "./web-site.ts";
import { block, comment, hostAndPort, literally, oneOf, paragraphs } from "./web-text.ts";

const about: Heading = {
  kind: "haproxy",
  place: "/etc/haproxy/haproxy.cfg, at its end",
  test: "haproxy -c -f /etc/haproxy/haproxy.cfg",
  reload: "systemctl reload haproxy",
  https: "for HTTPS add `bind :443 ssl crt FILE` with a file of certificate and key; HTTPS=on is sent then.",
  missingName: "It answers for every name.",
};

/** It is one process, with threads that share its connections. */
const processes = 1;

export function generateHaproxy(site: WebSite): string[] {
  for (const mounted of site.apps) refuseFiles(mounted);
  const [first, ...others] = site.apps;
  // Of its own, so that files for several apps may stand one after the other.
  const name = others.length === 0 ? nameOf(first) : "fcgi-pm";
  return paragraphs(
    heading(about, site),
    section(`defaults ${name}`, defaults(site)),
    section(`frontend ${name} from ${name}`, frontend(site)),
    ...site.apps.flatMap((mounted) => [
      section(`backend ${nameOf(mounted)} from ${name}`, backend(mounted)),
      section(`fcgi-app ${nameOf(mounted)}`, application(mounted)),
    ]),
  );
}

function refuseFiles({ static: directory }: Mounted): void {
  if (directory === undefined) return;
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", "Cannot serve --static with HAProxy: it serves no files", {
    remedy: "leave --static out, and let the app or another web server serve them",
  });
}

function section(head: string, body: readonly string[]): string[] {
  return block(head, body).slice(0, -1);
}

function nameOf({ app }: Mounted): string {
  return `fcgi-pm-${app.name}`;
}

function defaults({ apps }: WebSite): string[] {
  const patience = Math.max(...apps.map(({ app }) => app.patienceSeconds));
  return [
    "mode http",
    "log global",
    "option httplog",
    "timeout client 60s",
    "timeout http-request 30s  # for the headers of a request",
    "timeout http-keep-alive 10s",
    "timeout connect 5s  # a connection waits in the socket's queue, which counts as connected",
    `timeout server ${patience}s  # the longest silence of the app`,
    "retries 1  # after a second; an app that is down is answered with 503",
  ];
}

function frontend(site: WebSite): string[] {
  const { serverName, listen, apps } = site;
  const bind = listen.host === undefined ? `[::]:${listen.port} v4v6` : hostAndPort({ ...listen, host: listen.host });
  const named =
    serverName === undefined
      ? []
      : [`http-request deny deny_status 404 unless { req.hdr(host),field(1,:),lower ${serverName} }`];
  return [
    `bind ${bind}`,
    ...named,
    `http-request deny deny_status 413 if { req.body_size gt ${bodyLimitMegabytes * 2 ** 20} }`,
    ...comment("An app gets no end of an empty body without a length, and would wait for it."),
    "http-request wait-for-body time 30s if { req.fhdr_cnt(transfer-encoding) gt 0 }",
    "http-request deny deny_status 400 if { req.fhdr_cnt(transfer-encoding) gt 0 } { req.body_len 0 }",
    "# Other web servers take these steps out of a path; HAProxy hands them on.",
    `http-request deny deny_status 400 if { path,url_dec -m reg ${quoteHaproxy("(^|/)\\.\\.(/|$)")} }`,
    "http-request del-header Proxy  # programs would take it for their proxy",
    "# The name without its port. In set-param itself regsub ends HAProxy 2.6 with a segmentation fault.",
    `http-request set-var(txn.fcgi_pm_host) ${quoteHaproxy('req.hdr(host),regsub(":[0-9]+$","")')}`,
    ...apps.flatMap(completed),
    ...(apps.some(({ at }) => at === "") ? [] : onlyKnown(apps)),
    ...apps.map(uses),
  ];
}

/** An empty PATH_INFO cannot be sent. */
function completed({ at }: Mounted): string[] {
  return at === "" ? [] : [`http-request set-path ${at}/ if { path ${at} }`];
}

/** A line for each, since one line has no more than 64 words. */
function onlyKnown(apps: readonly Mounted[]): string[] {
  const lines = apps.map(({ at }) => `acl fcgi-pm-known path_beg ${at}/`);
  return [...lines, "http-request deny deny_status 404 unless fcgi-pm-known"];
}

function isBelow({ at }: Mounted): string {
  return `{ path_beg ${at}/ }`;
}

function uses(mounted: Mounted): string {
  const name = nameOf(mounted);
  return mounted.at === "" ? `default_backend ${name}` : `use_backend ${name} if ${isBelow(mounted)}`;
}

/** No `check`: a connection without a request ends workers of Ruby, and says nothing of the app. */
function backend(mounted: Mounted): string[] {
  const { app } = mounted;
  const kept = keptConnections(mounted, processes);
  const { listen, program } = app;
  const address = listen.kind === "unix" ? quoteHaproxyAddress(`unix@${listen.path}`) : hostAndPort(listen);
  const pool = kept === 0 ? "" : ` pool-max-conn ${kept} pool-purge-delay 5s`;
  return [
    ...(program.kind === "scripts" ? variables(mounted, program) : []),
    ...comment(explainKept(mounted, kept, processes)),
    kept === 0 ? "http-reuse never" : "http-reuse safe",
    `use-fcgi-app ${nameOf(mounted)}`,
    `server ${app.name} ${address} proto fcgi${pool}`,
  ];
}

/** What is needed of it to begin with; programs do not look at it. */
const usualRoot = "/var/www/html";

function application(mounted: Mounted): string[] {
  const { app } = mounted;
  const kept = keptConnections(mounted, processes);
  return [
    ...(app.program.kind === "scripts" ? scriptPaths(mounted, app.program) : paths(mounted, app.program)),
    `${kept === 0 ? "no " : ""}option keep-conn`,
    "set-param SERVER_NAME %[var(txn.fcgi_pm_host)]",
    "set-param SERVER_ADDR %[dst]",
    "# Of a variable that nobody sets, and so not at all: nobody has looked at the password.",
    "set-param REMOTE_USER %[var(txn.fcgi_pm_nobody)]",
    "set-param AUTH_TYPE %[var(txn.fcgi_pm_nobody)]",
    "log-stderr global",
    "pass-header Authorization",
  ];
}

/** The first part is SCRIPT_NAME, the second PATH_INFO: an empty one cannot be set in another way. */
function paths({ at }: Mounted, { script }: Extract<WebProgram, { kind: "application" }>): string[] {
  return [
    `docroot ${usualRoot}`,
    `path-info ${quoteHaproxy(`^(${literally(at)})(/.*)$`)}`,
    ...(script === undefined ? [] : [`set-param SCRIPT_FILENAME ${quoteHaproxyFormat(script)}`]),
  ];
}

type Scripts = Extract<WebProgram, { kind: "scripts" }>;

/** Once SCRIPT_NAME is set, HAProxy looks for no PATH_INFO; and an empty value is not sent. */
function scriptPaths({ at }: Mounted, { root }: Scripts): string[] {
  return [
    `docroot ${quoteHaproxy(root)}`,
    `set-param SCRIPT_NAME ${quoteHaproxy(`${at}%[var(txn.fcgi_pm_script)]`)}`,
    `set-param SCRIPT_FILENAME ${quoteHaproxyFormat(root, "%[var(txn.fcgi_pm_script)]")}`,
    `set-param PATH_INFO ${quoteHaproxy("%[var(txn.fcgi_pm_path)]")}`,
  ];
}

/**
 * HAProxy has no files: it cannot know whether a path names one, and gives none out. Of /up/x.jpg/y.php, which is none, PHP
 * would run x.jpg (cgi.fix_pathinfo), whoever has sent that picture: so no script lies deeper than the directory's top.
 */
function variables({ at }: Mounted, { extensions, index }: Scripts): string[] {
  const front = frontOf({ extensions, index });
  const isScript = `{ path,url_dec -m reg ${quoteHaproxy(pattern(at, extensions))} }`;
  const part = (group: number) => quoteHaproxy(`path,url_dec,regsub("${pattern(at, extensions)}","\\${group}")`);
  return [
    ...comment(
      "HAProxy serves no files: pictures and style sheets need another web server. Nor can it see whether a script is there: it " +
        "runs those at the top of the directory alone, since of /up/x.jpg/y.php PHP would run an uploaded x.jpg.",
    ),
    `http-request set-var(txn.fcgi_pm_script) ${part(1)} if ${isScript}`,
    `http-request set-var(txn.fcgi_pm_path) ${part(2)} if ${isScript}`,
    front === undefined
      ? `http-request deny deny_status 404 unless ${isScript}`
      : `http-request set-var-fmt(txn.fcgi_pm_script) ${quoteHaproxyFormat(`/${front}`)} unless ${isScript}`,
  ];
}

/** Without backslashes, since quotes are taken off it twice. */
function pattern(at: string, extensions: readonly string[]): string {
  return `^${at.replaceAll(".", "[.]")}(/[^/.][^/]*[.]${oneOf(extensions)})(/.*)?$`;
}
