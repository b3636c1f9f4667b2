/** Which user the web server has to be, from the mode and the owner of the socket, and what to do if it is another. */

import { nameOfServer } from "./web-quote.ts";
import type { Mounted, WebKind, WebRights } from "./web-site.ts";

/** As whom Debian's packages run them. */
const usualUser: { readonly [K in WebKind]: string } = {
  nginx: "www-data",
  apache: "www-data",
  lighttpd: "www-data",
  haproxy: "haproxy",
  caddy: "caddy",
};

/** Sentences, for a comment. */
export function explainRights(kind: WebKind, { app }: Mounted): string {
  const { listen, name } = app;
  if (listen.kind === "tcp") return explainTcp(app.listensEverywhere === true, listen.host);
  const may = app.rights === undefined ? explainUnknown(kind) : explainMode(kind, app.rights, name);
  return `${may} ${explainPath(kind, listen.path)}`.trim();
}

function explainTcp(isEverywhere: boolean, host: string): string {
  if (isEverywhere)
    return (
      "It listens on every address of its machine; this one is for a web server on the same machine. " +
      "Elsewhere write the machine's address, and let a firewall admit the web server alone: FastCGI has no password."
    );
  if (host.startsWith("127.") || host === "::1")
    return "Every user of this machine may connect to it: FastCGI has no password.";
  return "Let a firewall admit the web server alone: FastCGI has no password.";
}

function explainUnknown(kind: WebKind): string {
  return `${nameOfServer(kind)}'s user (${usualUser[kind]} on Debian) needs the right to write to the socket: ls -l shows whether it has it.`;
}

function explainMode(kind: WebKind, { mode, user, group }: WebRights, app: string): string {
  const octal = mode.toString(8).padStart(4, "0");
  const usual = usualUser[kind];
  const owner = user ?? "the manager's user";
  const server = nameOfServer(kind);
  if ((mode & 0o002) !== 0) return `Its mode ${octal} lets every user of this machine connect.`;
  const byGroup = (mode & 0o020) !== 0;
  if (user === usual || (byGroup && group === usual))
    return `Its mode is ${octal}, and ${server} may connect as ${usual}, as Debian's does.`;
  const members = group === undefined ? "be in its group" : `be in the group ${group}`;
  const may = byGroup ? `run as ${owner} or ${members}` : `run as ${owner}`;
  const remedies = [
    `socket-owner = ":${usual}"${byGroup ? "" : ' and socket-mode = "0660"'} for ${app} in fcgi-pm's config`,
    ...(byGroup && group !== undefined && group !== "root"
      ? [`adduser ${usual} ${group}, then restart ${server}`]
      : []),
  ];
  return `Its mode is ${octal}: ${server} has to ${may}. On Debian it runs as ${usual}: ${remedies.join(", or ")}.`;
}

/** Where a web server sees another tree of files than the app does. */
function explainPath(kind: WebKind, path: string): string {
  if (kind === "haproxy")
    return (
      "HAProxy looks for the path after its own chroot (Debian's haproxy.cfg has chroot /var/lib/haproxy): " +
      "take that line out, or give the app a port."
    );
  const isTemporary = /^\/(?:var\/)?tmp\//.test(path);
  if (isTemporary && (kind === "apache" || kind === "caddy"))
    return `Debian's unit of ${nameOfServer(kind)} has PrivateTmp=yes: it has a /tmp of its own, where this socket is not.`;
  return "";
}
