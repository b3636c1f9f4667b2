/** A complete, commented configuration of a web server in front of FastCGI apps. */
import { generateApache } from "./apache.ts";
import { generateCaddy } from "./caddy.ts";
import { generateHaproxy } from "./haproxy.ts";
import { generateLighttpd } from "./lighttpd.ts";
import { generateNginx } from "./nginx.ts";
import type { WebKind, WebSite } from "./web-site.ts";

const generators: { readonly [K in WebKind]: (site: WebSite) => string[] } = {
  nginx: generateNginx,
  apache: generateApache,
  lighttpd: generateLighttpd,
  haproxy: generateHaproxy,
  caddy: generateCaddy,
};

/** Throws FCGI_PM_VALUE_INEXPRESSIBLE where the server's language has no words for a value. */
export function generateWebServer(kind: WebKind, site: WebSite): string {
  return `${generators[kind](site).join("\n")}\n`;
}
