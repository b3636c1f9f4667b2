/** Messages of Apache: mod_proxy_fcgi and mod_cgid as Apache 2.4 writes them, mod_fastcgi and mod_fcgid as their sources have them. */
import type { LogMessage } from "./log-message.ts";

const attempt = "FCGI: attempt to connect to Unix domain socket /run/fcgi-pm/hello.sock (hello:8000) failed";
const dispatch = "AH01075: Error dispatching request to :80:";

export const apacheMessages: readonly LogMessage[] = [
  {
    server: "Apache",
    pattern: /\(2\)No such file or directory: .*(?:AH02454|AH00957)/,
    means: "log.no-socket",
    example: `(2)No such file or directory: AH02454: ${attempt}`,
  },
  {
    server: "Apache",
    pattern: /\(13\)Permission denied: .*(?:AH02454|AH00957)/,
    means: "log.permission-denied",
    example: `(13)Permission denied: AH02454: ${attempt}`,
  },
  {
    server: "Apache",
    pattern: /\(111\)Connection refused: .*(?:AH02454|AH00957)/,
    means: "log.connection-refused",
    example: "(111)Connection refused: AH00957: FCGI: attempt to connect to 127.0.0.1:9000 (127.0.0.1:9000) failed",
  },
  {
    server: "Apache",
    pattern: /\(11\)Resource temporarily unavailable: .*(?:AH02454|AH00957)/,
    means: "log.queue-full",
    example: `(11)Resource temporarily unavailable: AH02454: ${attempt}`,
  },
  {
    server: "Apache",
    pattern: /(?:AH02454|AH00957): .*failed/,
    means: "log.connect-timeout",
    example:
      "(70007)The timeout specified has expired: AH00957: FCGI: attempt to connect to 127.0.0.1:9000 (127.0.0.1:9000) failed",
  },
  {
    server: "Apache",
    pattern: /\(70007\)[^:]*: .*AH01075/,
    means: "log.answer-timeout",
    example: `(70007)The timeout specified has expired: ${dispatch} (polling)`,
  },
  {
    server: "Apache",
    pattern: /\((?:104|32)\)[^:]*: .*AH01075/,
    means: "log.connection-reset",
    example: `(104)Connection reset by peer: ${dispatch}`,
  },
  {
    server: "Apache",
    pattern: /\(70014\)[^:]*: .*AH01075|AH01067/,
    means: "log.closed-early",
    example: `(70014)End of file found: ${dispatch}`,
  },
  {
    server: "Apache",
    pattern: /AH01068/,
    means: "log.not-fastcgi",
    example: "AH01068: Got bogus version 72",
  },
  {
    server: "Apache",
    pattern: /AH01069/,
    means: "log.protocol-violated",
    example: "AH01069: Got bogus rid 7, expected 1",
  },
  {
    server: "Apache",
    pattern: /AH01071/,
    means: "log.stderr",
    example: "AH01071: Got error 'PHP message: PHP Warning:  Undefined variable $name'",
  },
  {
    server: "Apache",
    pattern: /malformed header from script|AH01070/,
    means: "log.invalid-header",
    example: "malformed header from script 'app.fcgi': Bad header: Traceback (most recent call last):",
  },
  {
    server: "Apache",
    pattern: /Invalid status line from script/,
    means: "log.invalid-status",
    example: "Invalid status line from script 'app.fcgi': abc",
  },
  {
    server: "Apache",
    pattern: /AH01079|AH01075/,
    means: "log.consequence",
    example: "AH01079: failed to make connection to backend: hello",
  },
  {
    server: "Apache",
    pattern: /AH01144/,
    means: "log.module-not-loaded",
    example:
      "AH01144: No protocol handler was valid for the URL /hello (scheme 'fcgi'). If you are using a DSO version of mod_proxy, make sure the proxy submodules are included in the configuration using LoadModule.",
  },
  {
    server: "Apache",
    pattern: /AH01102|AH01114/,
    means: "log.other-protocol",
    example: "AH01102: error reading status line from remote server 127.0.0.1:9000",
  },
  {
    server: "Apache",
    pattern: /AH00898/,
    means: "log.name-unknown",
    example: "AH00898: DNS lookup failure for: php returned by /hello",
  },
  {
    server: "Apache",
    pattern: /AH00940|AH00959/,
    means: "log.recovered",
    example: "AH00959: ap_proxy_connect_backend disabling worker for (127.0.0.1:9000) for 60s",
  },
  {
    server: "Apache",
    pattern: /AH00484|AH03490/,
    means: "log.out-of-descriptors",
    example: "AH00484: server reached MaxRequestWorkers setting, consider raising the MaxRequestWorkers setting",
  },
  {
    server: "Apache",
    pattern: /ExecCGI(?: Option"?)? is off in this directory|"ExecCGI Option" is off/,
    means: "log.exec-cgi-off",
    example: "AH01262: stderr from /var/www/app/app.cgi: Options ExecCGI is off in this directory",
  },
  {
    server: "Apache",
    pattern: /AH01241: exec of/,
    means: "log.exec-failed",
    example: "(2)No such file or directory: AH01241: exec of '/var/www/app/app.cgi' failed",
  },
  {
    server: "Apache",
    pattern: /script not found or unable to stat|AH01276|File does not exist:/,
    means: "log.not-passed-on",
    example: "AH01264: stderr from /var/www/app/none.cgi: script not found or unable to stat",
  },
  {
    server: "Apache",
    pattern: /End of script output before headers/,
    means: "log.closed-early",
    example: "End of script output before headers: app.fcgi",
  },
  {
    server: "Apache",
    pattern: /premature end of (?:script )?headers/i,
    means: "log.empty-answer",
    example: "Premature end of script headers: app.fcgi",
  },
  {
    server: "Apache",
    pattern: /AH012(?:15|62|64): /,
    means: "log.stderr",
    example: "AH01215: Traceback (most recent call last):: /var/www/app/app.cgi",
  },
];
