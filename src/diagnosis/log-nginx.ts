/** Messages of nginx, as nginx 1.22 writes them. */
import type { LogMessage } from "./log-message.ts";

const unix = 'upstream: "fastcgi://unix:/run/fcgi-pm/hello.sock:"';
const port = 'upstream: "fastcgi://127.0.0.1:9000"';

export const nginxMessages: readonly LogMessage[] = [
  {
    server: "nginx",
    pattern: /upstream: "(?!fastcgi:)[a-z]+:\/\//,
    means: "log.other-protocol",
    example:
      'upstream sent no valid HTTP/1.0 header while reading response header from upstream, upstream: "http://unix:/run/fcgi-pm/hello.sock:/"',
  },
  {
    server: "nginx",
    pattern: /connect\(\)[^,]* failed \(2: /,
    means: "log.no-socket",
    example: `connect() to unix:/run/fcgi-pm/hello.sock failed (2: No such file or directory) while connecting to upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /connect\(\)[^,]* failed \(13: /,
    means: "log.permission-denied",
    example: `connect() to unix:/run/fcgi-pm/hello.sock failed (13: Permission denied) while connecting to upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /connect\(\)[^,]* failed \(111: /,
    means: "log.connection-refused",
    example: `connect() to unix:/run/fcgi-pm/hello.sock failed (111: Connection refused) while connecting to upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /connect\(\)[^,]* failed \(11: /,
    means: "log.queue-full",
    example: `connect() to unix:/run/fcgi-pm/hello.sock failed (11: Resource temporarily unavailable) while connecting to upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /upstream timed out \(110: [^)]*\) while connecting|connect\(\)[^,]* failed \(11[03]: /,
    means: "log.connect-timeout",
    example: `upstream timed out (110: Connection timed out) while connecting to upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /upstream timed out \(110: [^)]*\) while reading upstream/,
    means: "log.body-timeout",
    example: `upstream timed out (110: Connection timed out) while reading upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /upstream timed out \(110: [^)]*\) while sending/,
    means: "log.send-timeout",
    example: `upstream timed out (110: Connection timed out) while sending request to upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /upstream timed out/,
    means: "log.answer-timeout",
    example: `upstream timed out (110: Connection timed out) while reading response header from upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /upstream prematurely closed (?:connection|FastCGI stdout) while reading upstream/,
    means: "log.cut-short",
    example: `upstream prematurely closed FastCGI stdout while reading upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /upstream prematurely closed FastCGI (?:stdout|request)/,
    means: "log.empty-answer",
    example: `upstream prematurely closed FastCGI stdout while reading response header from upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /upstream prematurely closed/,
    means: "log.closed-early",
    example: `upstream prematurely closed connection while reading response header from upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /(?:recv|readv)\(\) failed \(104: [^)]*\) while reading upstream/,
    means: "log.cut-short",
    example: `readv() failed (104: Connection reset by peer) while reading upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /(?:recv|readv|writev|send|sendfile)\(\) failed \((?:104|32): /,
    means: "log.connection-reset",
    example: `recv() failed (104: Connection reset by peer) while reading response header from upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /upstream sent too big header/,
    means: "log.header-too-big",
    example: `upstream sent too big header while reading response header from upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /upstream sent unsupported FastCGI protocol version/,
    means: "log.not-fastcgi",
    example: `upstream sent unsupported FastCGI protocol version: 72 while reading response header from upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /upstream sent (?:unexpected FastCGI (?:record|request id)|invalid FastCGI record type)/,
    means: "log.protocol-violated",
    example: `upstream sent unexpected FastCGI record: 3 while reading response header from upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /upstream sent (?:invalid header|duplicate header line)/,
    means: "log.invalid-header",
    example: `upstream sent invalid header: "Traceback\\x20..." while reading response header from upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /upstream sent invalid status/,
    means: "log.invalid-status",
    example: `upstream sent invalid status "abc" while reading response header from upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /upstream sent more data than specified/,
    means: "log.wrong-length",
    example: `upstream sent more data than specified in "Content-Length" header while reading upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /FastCGI sent in stderr:/,
    means: "log.stderr",
    example: `FastCGI sent in stderr: "PHP message: PHP Warning:  Undefined variable $name" while reading response header from upstream, ${unix}`,
  },
  {
    server: "nginx",
    pattern: /no live upstreams/,
    means: "log.no-live-upstream",
    example: 'no live upstreams while connecting to upstream, upstream: "fastcgi://hello"',
  },
  {
    server: "nginx",
    pattern: /upstream server temporarily disabled/,
    means: "log.recovered",
    example: `upstream server temporarily disabled while connecting to upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /host not found in upstream|could not be resolved/,
    means: "log.name-unknown",
    example: 'host not found in upstream "php:9000" in /etc/nginx/sites-enabled/default:12',
  },
  {
    server: "nginx",
    pattern: /client intended to send too large body/,
    means: "log.body-too-large",
    example: "client intended to send too large body: 2097152 bytes",
  },
  {
    server: "nginx",
    pattern: /is buffered to a temporary file/,
    means: "log.buffered-to-disk",
    example: `an upstream response is buffered to a temporary file /var/lib/nginx/fastcgi/1/00/0000000001 while reading upstream, ${port}`,
  },
  {
    server: "nginx",
    pattern: /client prematurely closed connection/,
    means: "log.client-gone",
    example:
      "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while sending request to upstream",
  },
  {
    server: "nginx",
    pattern: /failed \(24: |worker_connections are not enough/,
    means: "log.out-of-descriptors",
    example: "socket() failed (24: Too many open files) while connecting to upstream",
  },
  {
    server: "nginx",
    pattern: /bind\(\) to \S+ failed \(98: /,
    means: "log.address-in-use",
    example: "bind() to unix:/run/fcgi-pm/hello.sock failed (98: Address already in use)",
  },
  {
    server: "nginx",
    pattern: /open\(\) "[^"]*" failed \((?:2|13|20): |directory index of "[^"]*" is forbidden/,
    means: "log.not-passed-on",
    example: 'open() "/usr/share/nginx/html/hello" failed (2: No such file or directory)',
  },
];
