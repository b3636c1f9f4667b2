/** The prose of docs/configuration.md around the tables of keys. */
import { formatTable } from "./docs-table.ts";
import type { Kind } from "./key.ts";

export const introduction = `# Configuration

<!-- Written by test/config/docs.test.ts from src/config. Change the key table there, then: UPDATE_DOCS=1 npm test -- test/config/docs -->

fcgi-pm reads [TOML](https://toml.io). \`fcgi-pm start --config FILE\` names the file; without it, \`./fcgi-pm.toml\` is looked for, then
\`/etc/fcgi-pm/fcgi-pm.toml\`. A key has the name of its long flag: \`processes = 4\` in a file is \`--processes 4\` on the command line.
\`fcgi-pm check\` proves a file without starting anything, and tells every mistake at once, each with its line.

An example:

\`\`\`toml
include = ["conf.d/*.toml"]

[manager]
log-format = "json"
log-file = "/var/log/fcgi-pm.log"

[defaults]
user = "www-data"
group = "www-data"
socket-owner = "www-data:www-data"
env = { LANG = "C.UTF-8" }

[apps.blog]
command = ["/var/www/blog/app.fcgi", "--production"]
socket = "/run/fcgi-pm/blog.sock"
processes = 4
stop-timeout = "30s"
env-file = "/etc/blog.env"
output-file = "/var/log/blog.log"
output-max-age = "1d"
rlimits = { nofile = 65536, core = "unlimited" }

[apps.shop]
command = "/usr/bin/php-cgi -d memory_limit=256M"
port = "127.0.0.1:9000"
allowed-clients = ["127.0.0.1"]
processes = 8
cwd = "/var/www/shop"
drain = "signal"

[apps.wiki]
wsgi = "wiki:app"
python = "/srv/wiki/venv"
cwd = "/srv/wiki"
threads = 4

[apps.mailer]
command = ["/var/www/shop/send-mail"]
listen = false

[apps.maps]
external = true
port = "maps.example.org:9000"
\`\`\`

A file holds tables \`[apps.NAME]\`, one for each app, and may hold \`[manager]\`, \`[defaults]\` and \`include\`. NAME is made of 1 to 64
letters, digits, \`.\`, \`_\` and \`-\`, a letter or digit first. There is at least one app. Two apps never share a name, a listener or
an \`output-file\`.

\`[defaults]\` takes every key of an app but \`command\`, \`wsgi\`, \`external\`, \`socket\`, \`port\` and \`output-file\`. An app's own value replaces the default;
\`env\` and \`rlimits\` are merged name by name.

An editor that knows JSON schemas completes and checks the file with \`docs/fcgi-pm.schema.json\`; with Taplo, a first line
\`#:schema PATH\` names it.`;

export const groupTexts: Readonly<Record<string, string>> = {
  Program: "Keys of `[apps.NAME]` and `[defaults]`: what runs, and as whom.",
  Listener: "Keys of `[apps.NAME]` and `[defaults]`: where the app listens.",
  Workers: "Keys of `[apps.NAME]` and `[defaults]`: how many workers there are, and how they start, restart and stop.",
  Environment: "Keys of `[apps.NAME]` and `[defaults]`: what the workers find in their environment.",
  Output:
    "Keys of `[apps.NAME]` and `[defaults]`: where the lines go that the workers write to standard output and standard error.",
  Manager: "Keys of `[manager]`.",
  File: "Keys at the top of the main file.",
};

/** What stands behind the equals sign. */
export const kindTexts: Readonly<Record<Kind, string>> = {
  command: "list of strings, or string",
  wsgi: "`module:name`",
  program: "path or name",
  "script-name": 'path, or `""`',
  path: "path",
  paths: "path, or list of paths",
  port: "port, or `address:port`",
  "remote-port": "port, or `host:port`",
  boolean: "`true` or `false`",
  integer: "whole number",
  mode: "mode",
  owner: "string",
  account: "string",
  env: "table of strings",
  "env-names": "list of names",
  addresses: "list of IP addresses",
  duration: "duration",
  size: "size",
  signal: "name of a signal",
  drain: "`idle` or `signal`",
  rlimits: "table",
  "log-format": "`auto`, `pretty` or `json`",
  "exit-on": "`never`, `backoff` or `stopped`",
  patterns: "list of patterns",
};

const values = `## Values

**Durations** are strings with a unit: \`"250ms"\`, \`"5s"\`, \`"1.5m"\`, \`"2h"\`, \`"1d"\`; \`"0"\` needs none. The longest is 24 days.

**Sizes** are numbers of bytes, or strings with a unit of 1024: \`4096\`, \`"512K"\`, \`"64M"\`, \`"1G"\`, \`"1T"\`.

**Modes** are strings of octal digits: \`"0660"\`, \`"022"\`. A number is refused: TOML knows none with a leading zero.

**Signals** are written with or without SIG: \`"TERM"\`, \`"SIGTERM"\`.

**Numbers and switches** stand without quotes: \`processes = 4\`, \`listen = false\`.`;

const command = `## The command

A list is taken as it is: the program, then its arguments. A string is split at blanks as a shell splits it: \`"…"\`, \`'…'\` and \`\\\` protect what
they enclose. There is no shell: no variables, no wildcards, no pipes. A program with a slash is a path, relative to the directory of the
config file; one without is looked for in that directory, then in PATH.

A file that ends in \`.js\`, \`.mjs\`, \`.cjs\`, \`.ts\`, \`.mts\` or \`.cts\` and is not a program by itself, that is, executable with a \`#!\` line, is a
module: the workers are fcgi-pm's [Node runner](node.md), which serves what it exports.`;

const wsgi = `## WSGI applications

An app has a \`command\` or a \`wsgi\`, never both. With \`wsgi\` the workers are fcgi-pm's [Python runner](wsgi.md), which needs no package: it
serves the application \`name\` of \`module\`, with \`cwd\` first on the path of imports.

\`python\` is an interpreter or a virtualenv's directory, whose \`bin/python\` is meant. With a slash it is a path, relative to the directory of
the config file; without, it is looked for in that directory, then in the workers' PATH. It is Python 3.7 or later.`;

const paths = `## Relative paths

Relative paths in \`socket\`, \`cwd\`, \`env-file\`, \`output-file\`, \`watch\`, \`log-file\`, \`control\` and \`include\` start at the directory of
the file in which they are written, an included file or the main one. Those in flags start at the directory in which fcgi-pm was
called. The directory from which the manager was started never matters to a config file.`;

const listeners = `## Listeners

Without \`socket\` and \`port\` an app listens on the Unix socket \`NAME.sock\` in the runtime directory: \`$RUNTIME_DIRECTORY\`, else
\`/run/fcgi-pm\` for root, else \`$XDG_RUNTIME_DIR/fcgi-pm\`, else \`/tmp/fcgi-pm-UID\`.

${formatTable(
  ["port", "listens on"],
  [
    ['`9000`, `"9000"`, `"localhost:9000"`', "127.0.0.1, this machine only"],
    ['`"192.0.2.7:9000"`', "that address"],
    ['`"*:9000"`, `"0.0.0.0:9000"`', "every IPv4 address"],
    ['`"[::1]:9000"`', "the IPv6 address in brackets"],
  ],
)}

Other host names are refused, but for [external apps](#external-apps): what a name means may change while the manager runs. FastCGI has no password; a port that others can
reach needs \`allowed-clients\` or a firewall.`;

const external = `## External apps

An app with \`external = true\` is one that somebody else starts: php-fpm, another supervisor, another machine. It has a \`socket\` or a
\`port\`, where the port may name a host, and no other key; \`[defaults]\` says nothing of it. fcgi-pm starts nothing for it and holds no
listener. \`generate\`, \`request\` and \`doctor\` work for it as for any app; \`status\` asks whether somebody listens there, \`reload\`
takes over what has changed, and \`stop\`, \`restart\`, \`scale\`, \`signal\`, \`logs\` and \`env\` refuse: nothing of that is fcgi-pm's.
[Operations](operations.md#apps-that-somebody-else-starts) says more.

A file with external apps alone is right for \`check\`, \`generate\`, \`request\` and \`doctor\`; \`start\` has nothing to start, and says so.`;

const environment = `## The environment of a worker

Workers get a clean environment, the same whoever started the manager: PATH, HOME, USER, the manager's LANG and TZ if it has them, then the variables that \`pass-env\`
names, then those of \`env-file\`, then those of \`env\`; the later one wins. FCGI_PM_APP, FCGI_PM_WORKER (its number) and
FCGI_PM_GENERATION are added, and FCGI_PM_LISTEN_QUEUE_DEPTH where there is a listener. With \`allowed-clients\`, FCGI_WEB_SERVER_ADDRS is set.

A name consists of letters, digits and underscores, no digit first: a shell stands between the manager and the program for a moment,
and it could not carry others.`;

const includes = `## Several files

\`include\` in the main file names patterns of further files. They may only hold tables \`[apps.NAME]\`; \`[defaults]\` of the main file holds for
their apps, too. An included file includes no others.`;

export const chapters: readonly string[] = [values, command, wsgi, paths, listeners, external, environment, includes];
