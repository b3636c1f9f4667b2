/**
 * Lines as real servers wrote them, with what they mean: nginx 1.22.1, Apache 2.4, lighttpd 1.4.69 and php-fpm 8.2 in
 * front of a program that failed in each of these ways. Only paths and ports were made alike.
 */
import type { MeaningCode } from "../../src/diagnosis/log-meanings.ts";

export type SeenLine = readonly [means: MeaningCode, line: string];

const request = 'client: 127.0.0.1, server: , request: "GET / HTTP/1.1"';
const host = 'host: "127.0.0.1:8390"';
const onUnix = `${request}, upstream: "fastcgi://unix:/run/fcgi-pm/hello.sock:", ${host}`;
const onPort = `${request}, upstream: "fastcgi://127.0.0.1:9000", ${host}`;
const nginx = (level: string, text: string): string => `2026/11/21 17:44:51 [${level}] 16603#16603: *1 ${text}`;
const header = "while reading response header from upstream";

export const nginxLines: readonly SeenLine[] = [
  [
    "log.no-socket",
    nginx(
      "crit",
      `connect() to unix:/run/fcgi-pm/hello.sock failed (2: No such file or directory) while connecting to upstream, ${onUnix}`,
    ),
  ],
  [
    "log.permission-denied",
    nginx(
      "crit",
      `connect() to unix:/run/fcgi-pm/hello.sock failed (13: Permission denied) while connecting to upstream, ${onUnix}`,
    ),
  ],
  [
    "log.connection-refused",
    nginx(
      "error",
      `connect() to unix:/run/fcgi-pm/hello.sock failed (111: Connection refused) while connecting to upstream, ${onUnix}`,
    ),
  ],
  [
    "log.connection-refused",
    nginx("error", `connect() failed (111: Connection refused) while connecting to upstream, ${onPort}`),
  ],
  [
    "log.queue-full",
    nginx(
      "error",
      `connect() to unix:/run/fcgi-pm/hello.sock failed (11: Resource temporarily unavailable) while connecting to upstream, ${onUnix}`,
    ),
  ],
  [
    "log.connect-timeout",
    nginx("error", `upstream timed out (110: Connection timed out) while connecting to upstream, ${onPort}`),
  ],
  ["log.connection-reset", nginx("error", `recv() failed (104: Connection reset by peer) ${header}, ${onUnix}`)],
  ["log.closed-early", nginx("error", `upstream prematurely closed connection ${header}, ${onUnix}`)],
  ["log.empty-answer", nginx("error", `upstream prematurely closed FastCGI stdout ${header}, ${onUnix}`)],
  ["log.cut-short", nginx("error", `upstream prematurely closed FastCGI stdout while reading upstream, ${onPort}`)],
  ["log.cut-short", nginx("error", `readv() failed (104: Connection reset by peer) while reading upstream, ${onPort}`)],
  ["log.not-fastcgi", nginx("error", `upstream sent unsupported FastCGI protocol version: 72 ${header}, ${onUnix}`)],
  ["log.protocol-violated", nginx("error", `upstream sent unexpected FastCGI record: 3 ${header}, ${onUnix}`)],
  [
    "log.protocol-violated",
    nginx("error", `upstream sent unexpected FastCGI request id low byte: 7 ${header}, ${onUnix}`),
  ],
  ["log.invalid-header", nginx("error", `upstream sent invalid header: "Traceback\\x20..." ${header}, ${onUnix}`)],
  ["log.invalid-status", nginx("error", `upstream sent invalid status "abc" ${header}, ${onUnix}`)],
  ["log.header-too-big", nginx("error", `upstream sent too big header ${header}, ${onUnix}`)],
  ["log.answer-timeout", nginx("error", `upstream timed out (110: Connection timed out) ${header}, ${onUnix}`)],
  [
    "log.body-timeout",
    nginx("error", `upstream timed out (110: Connection timed out) while reading upstream, ${onUnix}`),
  ],
  [
    "log.wrong-length",
    nginx(
      "warn",
      `upstream sent more data than specified in "Content-Length" header while reading upstream, ${onPort}`,
    ),
  ],
  ["log.stderr", nginx("error", `FastCGI sent in stderr: "boom" ${header}, ${onUnix}`)],
  ["log.script-unknown", nginx("error", `FastCGI sent in stderr: "Primary script unknown" ${header}, ${onUnix}`)],
  [
    "log.no-live-upstream",
    nginx("error", `no live upstreams while connecting to upstream, ${request}, upstream: "fastcgi://dead", ${host}`),
  ],
  ["log.recovered", nginx("warn", `upstream server temporarily disabled while connecting to upstream, ${onPort}`)],
  [
    "log.buffered-to-disk",
    nginx(
      "warn",
      `an upstream response is buffered to a temporary file /var/lib/nginx/fastcgi/1/00/0000000001 while reading upstream, ${onPort}`,
    ),
  ],
  ["log.body-too-large", nginx("error", `client intended to send too large body: 25 bytes, ${request}, ${host}`)],
  [
    "log.not-passed-on",
    nginx("error", `open() "/usr/share/nginx/html/hello" failed (2: No such file or directory), ${request}, ${host}`),
  ],
  [
    "log.client-gone",
    nginx(
      "info",
      `epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream, ${onPort}`,
    ),
  ],
];

/** nginx gives what an app sent to its error stream line by line. */
export const tracebackInNginx: readonly string[] = [
  nginx("error", 'FastCGI sent in stderr: "PHP message: boom'),
  "Traceback (most recent call last):",
  '  File "x.py"',
  `ModuleNotFoundError: No module named 'yourapplication'" ${header}, ${onUnix}`,
];

const apache = (text: string): string =>
  `[Sat Nov 21 17:45:38.070814 2026] [proxy_fcgi:error] [pid 16889:tid 16921] ${text}`;
const proxy = (text: string): string => `[Sat Nov 21 17:45:38.070814 2026] [proxy:error] [pid 16889:tid 16962] ${text}`;
const cgid = (text: string): string => `[Sat Nov 21 17:46:04.309041 2026] [cgid:error] [pid 16891:tid 16894] ${text}`;
const client = "[client 127.0.0.1:52976]";
const attempt = "FCGI: attempt to connect to Unix domain socket /run/fcgi-pm/hello.sock (uhello:8000) failed";
const dispatch = "AH01075: Error dispatching request to :8392:";

export const apacheLines: readonly SeenLine[] = [
  ["log.no-socket", proxy(`(2)No such file or directory: AH02454: ${attempt}`)],
  ["log.permission-denied", proxy(`(13)Permission denied: AH02454: ${attempt}`)],
  ["log.connection-refused", proxy(`(111)Connection refused: AH02454: ${attempt}`)],
  [
    "log.connection-refused",
    proxy("(111)Connection refused: AH00957: FCGI: attempt to connect to 127.0.0.1:9000 (127.0.0.1:9000) failed"),
  ],
  [
    "log.connect-timeout",
    proxy(
      "(70007)The timeout specified has expired: AH00957: FCGI: attempt to connect to 127.0.0.1:9000 (127.0.0.1:9000) failed",
    ),
  ],
  ["log.consequence", apache(`${client} AH01079: failed to make connection to backend: uhello`)],
  ["log.closed-early", apache(`${client} AH01067: Failed to read FastCGI header`)],
  ["log.closed-early", apache(`(70014)End of file found: ${client} ${dispatch} `)],
  ["log.connection-reset", apache(`(104)Connection reset by peer: ${client} ${dispatch} `)],
  ["log.connection-reset", apache(`(104)Connection reset by peer: ${client} ${dispatch} (sending stdin)`)],
  ["log.answer-timeout", apache(`(70007)The timeout specified has expired: ${client} ${dispatch} (polling)`)],
  ["log.not-fastcgi", apache(`${client} AH01068: Got bogus version 72`)],
  ["log.consequence", apache(`(22)Invalid argument: ${client} ${dispatch} `)],
  ["log.protocol-violated", apache(`${client} AH01069: Got bogus rid 7, expected 1`)],
  ["log.invalid-header", apache(`${client} malformed header from script '': Bad header: x`)],
  ["log.invalid-header", apache(`${client} AH01070: Error parsing script headers`)],
  ["log.invalid-status", apache(`${client} Invalid status line from script '': abc`)],
  ["log.empty-answer", apache(`${client} Premature end of script headers: `)],
  ["log.stderr", apache(`${client} AH01071: Got error 'boom'`)],
  [
    "log.missing-module",
    apache(
      `${client} AH01071: Got error 'PHP message: boom\\nTraceback (most recent call last):\\n  File "x.py"\\nModuleNotFoundError: No module named 'yourapplication''`,
    ),
  ],
  [
    "log.name-unknown",
    proxy(
      `(EAI 2)Name or service not known: ${client} AH00898: DNS lookup failure for: nosuch.invalid returned by /t/host`,
    ),
  ],
  ["log.closed-early", cgid(`${client} End of script output before headers: dead.cgi`)],
  ["log.invalid-header", cgid(`${client} malformed header from script 'noheader.cgi': Bad header: hello world`)],
  ["log.exec-failed", cgid("(2)No such file or directory: AH01241: exec of '/var/www/app/nointerp.cgi' failed")],
  ["log.exec-failed", cgid("(13)Permission denied: AH01241: exec of '/var/www/app/noexec.cgi' failed")],
  [
    "log.exec-cgi-off",
    cgid(`${client} AH01262: stderr from /var/www/app/dead.cgi: Options ExecCGI is off in this directory`),
  ],
  [
    "log.not-passed-on",
    cgid(`${client} AH01264: stderr from /var/www/app/none.cgi: script not found or unable to stat`),
  ],
];

const app = '"/var/www/test/htdocs/app.py"';

/** From the chapter "Common logfile errors" of the documentation of mod_fastcgi's users, and the sources of mod_fcgid. */
export const documentedLines: readonly SeenLine[] = [
  ["log.permission-denied", `(13)Permission denied: FastCGI: failed to connect to server ${app}: connect() failed`],
  ["log.empty-answer", `FastCGI: incomplete headers (0 bytes) received from server ${app}`],
  ["log.no-socket", `No such file or directory: FastCGI: failed to connect to server ${app}: connect() failed`],
  ["log.exec-cgi-off", 'FastCGI: "ExecCGI Option" is off in this directory: /app.py'],
  ["log.stderr", `FastCGI: server ${app} stderr: SOME TEXT`],
  ["log.answer-timeout", `FastCGI: comm with (dynamic) server ${app} aborted: (first read) idle timeout (30 sec)`],
  ["log.answer-timeout", `FastCGI: comm with server ${app} aborted: idle timeout (30 sec)`],
  ["log.missing-module", "ImportError: No module named yourapplication"],
  ["log.empty-answer", "premature end of headers"],
  [
    "log.closed-early",
    "[Sat May 02 12:04:32.720176 2020] [fcgid:warn] [pid 12831] (104)Connection reset by peer: [client 192.0.2.7:4711] mod_fcgid: error reading data from FastCGI server",
  ],
  ["log.answer-timeout", "[warn] mod_fcgid: read data timeout in 40 seconds"],
];

const lighttpd = (text: string): string => `2026-11-21 17:46:04: ${text}`;
const establishing = "(gw_backend.c.274) establishing connection failed: socket:";

export const lighttpdLines: readonly SeenLine[] = [
  ["log.no-socket", lighttpd(`${establishing} unix:/run/fcgi-pm/hello.sock: No such file or directory`)],
  ["log.permission-denied", lighttpd(`${establishing} unix:/run/fcgi-pm/hello.sock: Permission denied`)],
  ["log.connection-refused", lighttpd(`${establishing} unix:/run/fcgi-pm/hello.sock: Connection refused`)],
  ["log.connection-refused", lighttpd(`${establishing} tcp:127.0.0.1:9000: Connection refused`)],
  ["log.connect-timeout", lighttpd(`${establishing} tcp:127.0.0.1:9000: Connection timed out`)],
  ["log.no-live-upstream", lighttpd("(gw_backend.c.960) all handlers for /u/hello? on /u/hello are down.")],
  ["log.connection-reset", lighttpd("(http-header-glue.c.1341) read() 9 11: Connection reset by peer")],
  [
    "log.closed-early",
    lighttpd(
      "(gw_backend.c.2389) response not received, request sent: 511 on socket: unix:/run/fcgi-pm/hello.sock for /u/hello?, closing connection",
    ),
  ],
  [
    "log.closed-early",
    lighttpd(
      "(mod_fastcgi.c.360) unexpected end-of-file (perhaps the fastcgi process died):pid: 0 socket: unix:/run/fcgi-pm/hello.sock",
    ),
  ],
  [
    "log.cut-short",
    lighttpd(
      "(gw_backend.c.2396) response already sent out, but backend returned error on socket: tcp:127.0.0.1:9000 for /t/hello?, terminating connection",
    ),
  ],
  ["log.answer-timeout", lighttpd("(gw_backend.c.2708) read timeout on socket: unix:/run/fcgi-pm/hello.sock (fd: 11)")],
  ["log.stderr", lighttpd("(mod_fastcgi.c.449) FastCGI-stderr:PHP message: boom")],
  ["log.dropped", lighttpd("(network_write.c.109) write failed: 11: Transport endpoint is not connected")],
  [
    "log.dropped",
    lighttpd(
      "(gw_backend.c.2026) connection was dropped after accept() (perhaps the gw process died), write-offset: 0 socket: unix:/run/fcgi-pm/hello.sock",
    ),
  ],
  [
    "log.dropped",
    lighttpd(
      "(gw_backend.c.2380) response not received, request not sent on socket: unix:/run/fcgi-pm/hello.sock for /u/hello?, reconnecting",
    ),
  ],
  ["log.worker-died", lighttpd("(gw_backend.c.369) child signalled: 11")],
  ["log.worker-died", lighttpd("(gw_backend.c.362) child exited: 3 unix:/run/lighttpd/app.sock-0")],
  ["log.connection-refused", lighttpd("(gw_backend.c.510) connect /run/lighttpd/app.sock-0: Connection refused")],
  ["log.recovered", lighttpd("(gw_backend.c.351) gw-server re-enabled: tcp:127.0.0.1:9000 127.0.0.1 9000 ")],
];

const fpm = (text: string): string => `[21-Nov-2026 17:46:02] WARNING: [pool www] child 16608${text}`;

export const phpFpmLines: readonly SeenLine[] = [
  ["log.worker-died", fpm(" exited on signal 11 (SIGSEGV) after 70.746059 seconds from start")],
  ["log.stderr", fpm(' said into stderr: "to stderr"')],
  [
    "log.slow-request",
    fpm(`, script '/var/www/site/slow.php' (request: "GET /php/slow.php") executing too slow (1.028975 sec), logging`),
  ],
  [
    "log.slow-request",
    fpm(
      `, script '/var/www/site/slow.php' (request: "GET /php/slow.php") execution timed out (2.035107 sec), terminating`,
    ),
  ],
];

/** What servers write on a quiet day. */
export const uneventfulLines: readonly string[] = [
  "2026/11/21 17:44:51 [notice] 16602#16602: start worker processes",
  "2026/11/21 17:44:51 [info] 16603#16603: *1 client 127.0.0.1 closed keepalive connection",
  "[Sat Nov 21 17:45:38.070814 2026] [mpm_event:notice] [pid 16887:tid 16887] AH00489: Apache/2.4.71 (Debian) configured -- resuming normal operations",
  "2026-11-21 17:46:04: (server.c.1704) server started (lighttpd/1.4.69)",
  "[21-Nov-2026 17:44:51] NOTICE: ready to handle connections",
];
