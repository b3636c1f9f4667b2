/** A message of a web server, as it is recognised. */
import type { MeaningCode } from "./log-meanings.ts";

export interface LogMessage {
  readonly server:
    | "nginx"
    | "Apache"
    | "mod_fastcgi"
    | "mod_fcgid"
    | "lighttpd"
    | "HAProxy"
    | "Caddy"
    | "php-fpm"
    | "any";
  readonly pattern: RegExp;
  readonly means: MeaningCode;
  /** As the server writes it, without the time before it. It stands on the page docs/troubleshooting.md. */
  readonly example: string;
}
