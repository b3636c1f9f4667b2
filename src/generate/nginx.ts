/** nginx: an upstream for each app, and one server with a location for each. */

import { bodyLimitMegabytes, type Heading, heading } from "./web-heading.ts";
import {
  dottedBehindSlash,
  filesNote,
  hiddenNote,
  otherSourcePattern,
  sourceNote,
  sourcePattern,
} from "./web-hidden.ts";
import { explainKept, keptConnections } from "./web-keep-alive.ts";
import { quoteNginx, quoteNginxPlain } from "./web-quote.ts";
import { frontOf, type Mounted, type WebProgram, type WebSite } from "./web-site.ts";
import { block, comment, hostAndPort, literally, oneOf, paragraphs } from "./web-text.ts";

const about: Heading = {
  kind: "nginx",
  place: "/etc/nginx/conf.d/NAME.conf",
  test: "nginx -t",
  reload: "systemctl reload nginx",
  https:
    "for HTTPS give the server a `listen 443 ssl` with its certificate (certbot --nginx does); HTTPS=on is sent then.",
  missingName:
    "Debian's /etc/nginx/sites-enabled/default answers for every name that nobody has: remove that link, or give --server-name.",
};

export function generateNginx(site: WebSite): string[] {
  return paragraphs(
    heading(about, site),
    ...site.apps.map((mounted) => upstream(mounted, site)),
    block("server {", server(site)),
  );
}

function upstreamName({ app }: Mounted): string {
  return `fcgi-pm-${app.name}`;
}

function upstream(mounted: Mounted, { processors }: WebSite): string[] {
  const { listen } = mounted.app;
  const kept = keptConnections(mounted, processors);
  const address = listen.kind === "unix" ? quoteNginxPlain(`unix:${listen.path}`) : hostAndPort(listen);
  return [
    ...comment(`${explainKept(mounted, kept, processors)} (worker_processes auto is ${processors} on this machine.)`),
    ...block(`upstream ${upstreamName(mounted)} {`, [
      `server ${address};`,
      ...(kept === 0 ? [] : [`keepalive ${kept};`, "keepalive_timeout 5s;"]),
    ]),
  ];
}

function server(site: WebSite): string[] {
  return paragraphs(
    [...listens(site), `server_name ${site.serverName ?? "_"};`],
    [`client_max_body_size ${bodyLimitMegabytes}m;  # what is larger is answered with 413; nginx's own limit is 1m`],
    ...site.apps.map((mounted) => locations(mounted, site)),
  );
}

function listens({ listen: { host, port } }: WebSite): string[] {
  if (host !== undefined) return [`listen ${hostAndPort({ host, port })};`];
  return [`listen ${port};`, `listen [::]:${port};`];
}

function locations(mounted: Mounted, site: WebSite): string[] {
  const { program } = mounted.app;
  if (program.kind === "scripts") return scripts(mounted, program, site);
  return mounted.static === undefined
    ? application(mounted, site)
    : applicationWithFiles(mounted, mounted.static, site);
}

function application(mounted: Mounted, site: WebSite): string[] {
  const { at } = mounted;
  const head = at === "" ? "location / {" : `location ~ ^${literally(at)}(?:/|$) {`;
  return block(head, pass(mounted, site));
}

/** A directory is no file: those go to the app, too. */
function applicationWithFiles(mounted: Mounted, directory: string, site: WebSite): string[] {
  const { at, app } = mounted;
  const named = `@${upstreamName(mounted)}`;
  const root = quoteNginx(directory);
  const files =
    at === ""
      ? block("location / {", [`root ${root};`, `try_files $uri ${named};`])
      : [
          // Where there is nothing behind the mount, no file is meant: the empty name is the directory.
          ...block(`location = ${at} {`, [`root ${root};`, `try_files "" ${named};`]),
          ...block(`location ${at}/ {`, [`alias ${quoteNginx(`${directory}/`)};`, `try_files $uri ${named};`]),
        ];
  return [
    ...comment(filesNote("nginx", app.name)),
    // Of the empty name there is no file either: the app is asked.
    ...block(`location ~ ^${literally(at)}/(?:${dottedBehindSlash}|.*${sourcePattern}) {`, [
      `root ${root};`,
      `try_files "" ${named};`,
    ]),
    ...files,
    ...block(`location ${named} {`, pass(mounted, site)),
  ];
}

/** SCRIPT_NAME is sent once: of a name that comes twice libfcgi takes the first, most others the last. */
function pass(mounted: Mounted, site: WebSite): string[] {
  const { at, app } = mounted;
  const { program } = app;
  const script = program.kind === "application" ? program.script : undefined;
  const split = at === "" ? [] : [`fastcgi_split_path_info ^(${literally(at)})(.*)$;`];
  const paths =
    at === ""
      ? ['fastcgi_param SCRIPT_NAME "";', "fastcgi_param PATH_INFO $fastcgi_script_name;"]
      : ["fastcgi_param SCRIPT_NAME $fastcgi_script_name;", "fastcgi_param PATH_INFO $fastcgi_path_info;"];
  const file = script === undefined ? [] : [`fastcgi_param SCRIPT_FILENAME ${quoteNginx(script)};`];
  return paragraphs([...split, ...paths, ...file, ...params(site)], settings(mounted, site));
}

type Scripts = Extract<WebProgram, { kind: "scripts" }>;

function scripts(mounted: Mounted, { root, extensions, index }: Scripts, site: WebSite): string[] {
  const { at } = mounted;
  const front = frontOf({ extensions, index });
  const directory = at === "" ? `root ${quoteNginx(root)};` : `alias ${quoteNginx(`${root}/`)};`;
  const otherwise = front === undefined ? "=404" : `@${upstreamName(mounted)}-front`;
  const ending = oneOf(extensions);
  return paragraphs(
    [...comment(hiddenNote), ...block(`location ~ ^${literally(at)}/${dottedBehindSlash} {`, ["return 404;"])],
    [
      ...comment(scriptNote(front)),
      ...block(`location ~ ^${literally(at)}(?<fcgi_pm_script>/.+?\\.${ending})(?<fcgi_pm_path>/.*)?$ {`, [
        `root ${quoteNginx(root)};`,
        `if (!-f "$document_root$fcgi_pm_script") { return 404; }`,
        "",
        `fastcgi_param SCRIPT_NAME "${at}$fcgi_pm_script";`,
        "fastcgi_param SCRIPT_FILENAME $document_root$fcgi_pm_script;",
        "fastcgi_param PATH_INFO $fcgi_pm_path;",
        ...params(site),
        "",
        ...settings(mounted, site),
      ]),
    ],
    [
      ...comment(sourceNote),
      ...block(
        `location ~ ^${literally(at)}/.*${otherSourcePattern(extensions)} {`,
        front === undefined ? ["return 404;"] : [`root ${quoteNginx(root)};`, `try_files "" ${otherwise};`],
      ),
    ],
    block(`location ${at}/ {`, [
      directory,
      ...(index.length === 0 ? [] : [`index ${index.map(quoteNginx).join(" ")};`]),
      `try_files $uri $uri/ ${otherwise};`,
    ]),
    // A rewrite, since below an alias try_files counts the mount twice (nginx's ticket 97).
    front === undefined ? [] : block(`location ${otherwise} {`, [`rewrite ^ ${quoteNginx(`${at}/${front}`)} last;`]),
  );
}

function scriptNote(front: string | undefined): string {
  const rest = "Everything else below the directory is served as it is.";
  return front === undefined ? rest : `${rest} What is no file goes to ${front}, as WordPress and its like want it.`;
}

function settings(mounted: Mounted, { processors }: WebSite): string[] {
  const keep = keptConnections(mounted, processors) > 0 ? ["fastcgi_keep_conn on;"] : [];
  return [
    `fastcgi_pass ${upstreamName(mounted)};`,
    ...keep,
    "fastcgi_connect_timeout 5s;  # a connection waits in the socket's queue, which counts as connected",
    "fastcgi_send_timeout 60s;",
    `fastcgi_read_timeout ${mounted.app.patienceSeconds}s;  # the longest silence of the app`,
    "# The body is read before the app is asked, and the answer is taken as fast as it comes: a slow client holds no worker.",
    "fastcgi_request_buffering on;",
    "fastcgi_buffering on;",
    "fastcgi_buffer_size 16k;  # the headers of an answer have to fit",
    "fastcgi_buffers 16 16k;  # then a temporary file",
  ];
}

function params({ serverName }: WebSite): string[] {
  return [
    "fastcgi_param QUERY_STRING $query_string;",
    "fastcgi_param REQUEST_METHOD $request_method;",
    "fastcgi_param CONTENT_TYPE $content_type;",
    "fastcgi_param CONTENT_LENGTH $content_length;",
    "fastcgi_param REQUEST_URI $request_uri;",
    "fastcgi_param DOCUMENT_URI $document_uri;",
    "fastcgi_param DOCUMENT_ROOT $document_root;",
    "fastcgi_param SERVER_PROTOCOL $server_protocol;",
    "fastcgi_param REQUEST_SCHEME $scheme;",
    "fastcgi_param HTTPS $https if_not_empty;",
    "fastcgi_param GATEWAY_INTERFACE CGI/1.1;",
    "fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;",
    "fastcgi_param REMOTE_ADDR $remote_addr;",
    "fastcgi_param REMOTE_PORT $remote_port;",
    "# Not REMOTE_USER: without auth_basic nobody has looked at the password of $remote_user.",
    "fastcgi_param SERVER_ADDR $server_addr;",
    "fastcgi_param SERVER_PORT $server_port;",
    `fastcgi_param SERVER_NAME ${serverName === undefined ? "$host" : "$server_name"};`,
    "fastcgi_param REDIRECT_STATUS 200;  # php-cgi does not run without it",
    'fastcgi_param HTTP_PROXY "";  # a header of the client that programs would take for their proxy',
  ];
}
