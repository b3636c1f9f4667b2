/** Messages of lighttpd, as lighttpd 1.4.69 writes them; those of older versions where they differ. */
import type { LogMessage } from "./log-message.ts";

const establishing = "(gw_backend.c.274) establishing connection failed: socket: unix:/run/fcgi-pm/hello.sock:";

export const lighttpdMessages: readonly LogMessage[] = [
  {
    server: "lighttpd",
    pattern: /(?:establishing connection|connect) failed:.*No such file/,
    means: "log.no-socket",
    example: `${establishing} No such file or directory`,
  },
  {
    server: "lighttpd",
    pattern: /(?:establishing connection|connect) failed:.*Permission denied/,
    means: "log.permission-denied",
    example: `${establishing} Permission denied`,
  },
  {
    server: "lighttpd",
    pattern: /(?:establishing connection|connect) failed:.*temporarily unavailable/,
    means: "log.queue-full",
    example: "(mod_fastcgi.c.1754) connect failed: Resource temporarily unavailable on unix:/run/fcgi-pm/hello.sock",
  },
  {
    server: "lighttpd",
    pattern: /(?:establishing connection|connect) failed:.*timed out/,
    means: "log.connect-timeout",
    example: "(gw_backend.c.274) establishing connection failed: socket: tcp:127.0.0.1:9000: Connection timed out",
  },
  {
    server: "lighttpd",
    pattern: /(?:establishing connection|connect) failed:|\(gw_backend\.c\.\d+\) connect \S+: Connection refused/,
    means: "log.connection-refused",
    example: `${establishing} Connection refused`,
  },
  {
    server: "lighttpd",
    pattern: /backend is overloaded/,
    means: "log.queue-full",
    example:
      "(gw_backend.c.302) backend is overloaded; we'll disable it for 1 seconds and send the request to another backend instead: load: 130",
  },
  {
    server: "lighttpd",
    pattern:
      /connection was dropped after accept\(\)|request (?:not sent|sent: 0) on socket|Transport endpoint is not connected/,
    means: "log.dropped",
    example:
      "(gw_backend.c.2026) connection was dropped after accept() (perhaps the gw process died), write-offset: 0 socket: unix:/run/fcgi-pm/hello.sock",
  },
  {
    server: "lighttpd",
    pattern: /response already sent out, but backend returned error/,
    means: "log.cut-short",
    example:
      "(gw_backend.c.2396) response already sent out, but backend returned error on socket: unix:/run/fcgi-pm/hello.sock for /?, terminating connection",
  },
  {
    server: "lighttpd",
    pattern: /unexpected end-of-file \(perhaps the fastcgi process died\)/,
    means: "log.closed-early",
    example:
      "(mod_fastcgi.c.360) unexpected end-of-file (perhaps the fastcgi process died):pid: 0 socket: unix:/run/fcgi-pm/hello.sock",
  },
  {
    server: "lighttpd",
    pattern: /response not received, request sent/,
    means: "log.closed-early",
    example:
      "(gw_backend.c.2389) response not received, request sent: 511 on socket: unix:/run/fcgi-pm/hello.sock for /?, closing connection",
  },
  {
    server: "lighttpd",
    pattern: /\(http-header-glue\.c\.\d+\) read\(\).*Connection reset by peer/,
    means: "log.connection-reset",
    example: "(http-header-glue.c.1341) read() 9 11: Connection reset by peer",
  },
  {
    server: "lighttpd",
    pattern: /read timeout on socket/,
    means: "log.answer-timeout",
    example: "(gw_backend.c.2708) read timeout on socket: unix:/run/fcgi-pm/hello.sock (fd: 11)",
  },
  {
    server: "lighttpd",
    pattern: /write timeout on socket/,
    means: "log.send-timeout",
    example: "(gw_backend.c.2724) write timeout on socket: unix:/run/fcgi-pm/hello.sock (fd: 11)",
  },
  {
    server: "lighttpd",
    pattern: /all handlers for .* are down/,
    means: "log.no-live-upstream",
    example: "(gw_backend.c.960) all handlers for /hello? on /hello are down.",
  },
  {
    server: "lighttpd",
    pattern: /child (?:exited|signalled|died)/,
    means: "log.worker-died",
    example: "(gw_backend.c.362) child exited: 3 unix:/run/lighttpd/app.sock-0",
  },
  {
    server: "lighttpd",
    pattern: /spawning (?:fcgi|gw) failed|backend failed to start|execve\(?\)? failed for/,
    means: "log.exec-failed",
    example: "(gw_backend.c.2531) [ERROR]: spawning gw failed.",
  },
  {
    server: "lighttpd",
    pattern: /re-enabled:|we'll disable it for/,
    means: "log.recovered",
    example: "(gw_backend.c.351) gw-server re-enabled: tcp:127.0.0.1:9000 127.0.0.1 9000",
  },
  {
    server: "lighttpd",
    pattern: /FastCGI-stderr:/,
    means: "log.stderr",
    example: "(mod_fastcgi.c.449) FastCGI-stderr:PHP message: PHP Warning:  Undefined variable $name",
  },
];
