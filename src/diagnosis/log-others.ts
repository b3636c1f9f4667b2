/** Messages of HAProxy and Caddy, from their documentation and issues, and of php-fpm 8.2; what programs themselves write. */
import type { LogMessage } from "./log-message.ts";

const down = "Server hello_back/app is DOWN, reason: Layer4 connection problem, info:";
const dial = '"logger":"http.log.error","msg":"dialing backend: dial unix /run/fcgi-pm/hello.sock: connect:';

/** HAProxy's log of requests has the state in which a session ended: what failed, and at which phase. */
const ended = (state: string): RegExp => new RegExp(` \\d{3} \\d+ \\S+ \\S+ ${state}[-A-Z]{2} \\d+/`);
const line = (status: number, state: string): string =>
  `http-in hello_back/app 0/0/0/-1/3 ${status} 209 - - ${state}-- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`;

/** Before all others: what stands in a program's message says more than that there is one. */
export const programMessages: readonly LogMessage[] = [
  {
    server: "any",
    pattern:
      /(?:ImportError|ModuleNotFoundError): No module named|Can't locate \S+ in @INC|cannot load such file|Cannot find (?:module|package)/,
    means: "log.missing-module",
    example: "ImportError: No module named yourapplication",
  },
  {
    server: "php-fpm",
    pattern: /Primary script unknown|No input file specified|Unable to open primary script/i,
    means: "log.script-unknown",
    example: 'FastCGI sent in stderr: "Primary script unknown" while reading response header from upstream',
  },
  {
    server: "php-fpm",
    pattern: /Access to the script '[^']*' has been denied/,
    means: "log.script-forbidden",
    example:
      "FastCGI sent in stderr: \"Access to the script '/var/www/site/logo.png' has been denied (see security.limit_extensions)\" while reading response header from upstream",
  },
];

export const otherMessages: readonly LogMessage[] = [
  {
    server: "HAProxy",
    pattern: /is DOWN, reason: Layer4[^,]*, info: "No such file/,
    means: "log.no-socket",
    example: `${down} "No such file or directory"`,
  },
  {
    server: "HAProxy",
    pattern: /is DOWN, reason: Layer4[^,]*, info: "Permission denied/,
    means: "log.permission-denied",
    example: `${down} "Permission denied"`,
  },
  {
    server: "HAProxy",
    pattern: /is DOWN, reason: Layer4 timeout/,
    means: "log.connect-timeout",
    example: "Server hello_back/app is DOWN, reason: Layer4 timeout, check duration: 10001ms",
  },
  {
    server: "HAProxy",
    pattern: /is DOWN, reason: Layer4/,
    means: "log.connection-refused",
    example: `${down} "Connection refused"`,
  },
  {
    server: "HAProxy",
    pattern: /has no server available!/,
    means: "log.no-live-upstream",
    example: "backend 'hello_back' has no server available!",
  },
  { server: "HAProxy", pattern: ended("SC"), means: "log.connection-refused", example: line(503, "SC") },
  { server: "HAProxy", pattern: ended("sC"), means: "log.connect-timeout", example: line(503, "sC") },
  { server: "HAProxy", pattern: ended("SH"), means: "log.closed-early", example: line(502, "SH") },
  { server: "HAProxy", pattern: ended("sH"), means: "log.answer-timeout", example: line(504, "sH") },
  { server: "HAProxy", pattern: ended("PH"), means: "log.invalid-header", example: line(502, "PH") },
  { server: "HAProxy", pattern: ended("sQ"), means: "log.workers-at-limit", example: line(503, "sQ") },
  { server: "HAProxy", pattern: ended("SD"), means: "log.cut-short", example: line(200, "SD") },
  { server: "HAProxy", pattern: ended("sD"), means: "log.body-timeout", example: line(200, "sD") },
  { server: "HAProxy", pattern: ended("C[HD]"), means: "log.client-gone", example: line(400, "CD") },
  {
    server: "Caddy",
    pattern: /dial(?:ing)? .*connect: no such file or directory/,
    means: "log.no-socket",
    example: `${dial} no such file or directory"`,
  },
  {
    server: "Caddy",
    pattern: /dial(?:ing)? .*connect: permission denied/,
    means: "log.permission-denied",
    example: `${dial} permission denied"`,
  },
  {
    server: "Caddy",
    pattern: /dial(?:ing)? .*connect: connection refused/,
    means: "log.connection-refused",
    example: '"logger":"http.log.error","msg":"dialing backend: dial tcp 127.0.0.1:9000: connect: connection refused"',
  },
  {
    server: "Caddy",
    pattern: /dial(?:ing)? .*connect: resource temporarily unavailable/,
    means: "log.queue-full",
    example: `${dial} resource temporarily unavailable"`,
  },
  {
    server: "Caddy",
    pattern: /dial(?:ing)? .*no such host/,
    means: "log.name-unknown",
    example: '"logger":"http.log.error","msg":"dialing backend: dial tcp: lookup php: no such host"',
  },
  {
    server: "Caddy",
    pattern: /dial(?:ing)? .*i\/o timeout/,
    means: "log.connect-timeout",
    example: '"logger":"http.log.error","msg":"dialing backend: dial tcp 127.0.0.1:9000: i/o timeout"',
  },
  {
    server: "Caddy",
    pattern: /no upstreams available/,
    means: "log.no-live-upstream",
    example: '"logger":"http.log.error","msg":"no upstreams available"',
  },
  {
    server: "Caddy",
    pattern: /malformed MIME header/,
    means: "log.invalid-header",
    example: '"logger":"http.log.error","msg":"malformed MIME header: missing colon: \\"Traceback\\""',
  },
  {
    server: "Caddy",
    pattern: /http\.log\.error\b.*i\/o timeout/,
    means: "log.answer-timeout",
    example: '"logger":"http.log.error","msg":"read unix @->/run/fcgi-pm/hello.sock: i/o timeout"',
  },
  {
    server: "Caddy",
    pattern: /http\.log\.error\b.*connection reset by peer/,
    means: "log.connection-reset",
    example: '"logger":"http.log.error","msg":"read unix @->/run/fcgi-pm/hello.sock: read: connection reset by peer"',
  },
  {
    server: "Caddy",
    pattern: /http\.log\.error\b.*\bEOF\b/,
    means: "log.closed-early",
    example: '"logger":"http.log.error","msg":"EOF"',
  },
  {
    server: "Caddy",
    pattern: /http\.reverse_proxy\.transport\.fastcgi/,
    means: "log.stderr",
    example:
      '"logger":"http.reverse_proxy.transport.fastcgi","msg":"PHP message: PHP Warning:  Undefined variable $name"',
  },
  {
    server: "php-fpm",
    pattern: /server reached pm\.max_children|seems busy \(you may need to increase/,
    means: "log.workers-at-limit",
    example: "WARNING: [pool www] server reached pm.max_children setting (5), consider raising it",
  },
  {
    server: "php-fpm",
    pattern: /executing too slow|execution timed out/,
    means: "log.slow-request",
    example: `WARNING: [pool www] child 17095, script '/var/www/site/slow.php' (request: "GET /slow.php") execution timed out (2.035107 sec), terminating`,
  },
  {
    server: "php-fpm",
    pattern: /child \d+ exited (?:on signal|with code [1-9])/,
    means: "log.worker-died",
    example: "WARNING: [pool www] child 16608 exited on signal 11 (SIGSEGV) after 70.746059 seconds from start",
  },
  {
    server: "php-fpm",
    pattern: /unable to bind listening socket .*Address already in use/,
    means: "log.address-in-use",
    example:
      "ERROR: unable to bind listening socket for address '/run/fcgi-pm/hello.sock': Address already in use (98)",
  },
  {
    server: "php-fpm",
    pattern: /said into std(?:err|out):/,
    means: "log.stderr",
    example: 'WARNING: [pool www] child 16608 said into stderr: "to stderr"',
  },
];
