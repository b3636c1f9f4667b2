/** Messages of Apache's mod_fastcgi and mod_fcgid, which start programs themselves: as their documentation and sources have them. */
import type { LogMessage } from "./log-message.ts";

const failed = 'FastCGI: failed to connect to server "/var/www/test/htdocs/app.py": connect() failed';
const comm = 'FastCGI: comm with server "/var/www/test/htdocs/app.py" aborted:';

export const apacheModuleMessages: readonly LogMessage[] = [
  {
    server: "mod_fastcgi",
    pattern: /No such file or directory: .*FastCGI: failed to connect/,
    means: "log.no-socket",
    example: `(2)No such file or directory: ${failed}`,
  },
  {
    server: "mod_fastcgi",
    pattern: /Permission denied: .*FastCGI: failed to connect/,
    means: "log.permission-denied",
    example: `(13)Permission denied: ${failed}`,
  },
  {
    server: "mod_fastcgi",
    pattern: /temporarily unavailable: .*FastCGI: failed to connect/,
    means: "log.queue-full",
    example: `(11)Resource temporarily unavailable: ${failed}`,
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: failed to connect.*(?:timed out|appConnTimeout)/,
    means: "log.connect-timeout",
    example:
      'FastCGI: failed to connect to server "/var/www/test/htdocs/app.py": connect() timed out (appConnTimeout=5 sec)',
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: failed to connect/,
    means: "log.connection-refused",
    example: `(111)Connection refused: ${failed}`,
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: incomplete headers/,
    means: "log.empty-answer",
    example: 'FastCGI: incomplete headers (0 bytes) received from server "/var/www/test/htdocs/app.py"',
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: comm with .* aborted: .*idle timeout/,
    means: "log.answer-timeout",
    example:
      'FastCGI: comm with (dynamic) server "/var/www/test/htdocs/app.py" aborted: (first read) idle timeout (30 sec)',
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: comm with .* aborted: error parsing headers/,
    means: "log.invalid-header",
    example: `${comm} error parsing headers: malformed header 'Traceback (most recent call last):'`,
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: comm with .* aborted: protocol error/,
    means: "log.not-fastcgi",
    example: `${comm} protocol error: invalid version: 72 != FCGI_VERSION(1)`,
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: comm with .* aborted/,
    means: "log.connection-reset",
    example: `(104)Connection reset by peer: ${comm} read failed`,
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: .*has failed to remain running|FastCGI: .*restart interval has been backed off/,
    means: "log.crash-loop",
    example:
      'FastCGI: server "/var/www/test/htdocs/app.py" has failed to remain running for 30 seconds given 3 attempts, its restart interval has been backed off to 600 seconds',
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: .*terminated (?:by calling exit|due to uncaught signal)/,
    means: "log.worker-died",
    example: `FastCGI: server "/var/www/test/htdocs/app.py" (pid 4711) terminated by calling exit with status '1'`,
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: can't start/,
    means: "log.exec-failed",
    example: `FastCGI: can't start server "/var/www/test/htdocs/app.py" (pid 4711), execle() failed`,
  },
  {
    server: "mod_fastcgi",
    pattern: /FastCGI: .*server "[^"]*" stderr:/,
    means: "log.stderr",
    example: 'FastCGI: server "/var/www/test/htdocs/app.py" stderr: SOME TEXT',
  },
  {
    server: "mod_fcgid",
    pattern: /mod_fcgid: read (?:data )?timeout/,
    means: "log.answer-timeout",
    example: "mod_fcgid: read data timeout in 40 seconds",
  },
  {
    server: "mod_fcgid",
    pattern: /mod_fcgid: (?:error reading data|read data error)/i,
    means: "log.closed-early",
    example: "(104)Connection reset by peer: mod_fcgid: error reading data from FastCGI server",
  },
  {
    server: "mod_fcgid",
    pattern: /mod_fcgid: can't apply process slot/,
    means: "log.workers-at-limit",
    example: "mod_fcgid: can't apply process slot for /var/www/app/app.fcgi",
  },
  {
    server: "mod_fcgid",
    pattern: /mod_fcgid: process .* exit\((?:communication error|server exited)\)/,
    means: "log.worker-died",
    example: "mod_fcgid: process /var/www/app/app.fcgi(4711) exit(communication error), get unexpected signal 11",
  },
  {
    server: "mod_fcgid",
    pattern: /mod_fcgid: HTTP request length/,
    means: "log.body-too-large",
    example: "mod_fcgid: HTTP request length 137536 (so far) exceeds MaxRequestLen (131072)",
  },
  {
    server: "mod_fcgid",
    pattern: /mod_fcgid: ap_pass_brigade failed/,
    means: "log.consequence",
    example: "mod_fcgid: ap_pass_brigade failed in handle_request_ipc function",
  },
  {
    server: "mod_fcgid",
    pattern: /mod_fcgid: stderr:/,
    means: "log.stderr",
    example: "mod_fcgid: stderr: Traceback (most recent call last):",
  },
];
