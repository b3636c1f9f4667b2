/** Whose configuration is this? Told by the name of the file and by words that nobody else has. */

export const kinds = ["supervisord", "apache", "lighttpd", "php-fpm", "systemd", "command"] as const;
export type Kind = (typeof kinds)[number];

export function isKind(text: string): text is Kind {
  return (kinds as readonly string[]).includes(text);
}

const byContent: readonly (readonly [Kind, RegExp])[] = [
  [
    "supervisord",
    /^\[(?:supervisord|supervisorctl|unix_http_server|inet_http_server|(?:fcgi-)?program:[^\]]+|group:[^\]]+|eventlistener:[^\]]+)\]/m,
  ],
  ["systemd", /^\[(?:Unit|Service|Socket|Install)\]/m],
  [
    "apache",
    /^\s*(?:<(?:VirtualHost|IfModule|Directory|Location|Files|FilesMatch)\b|FastCgi\w+\s|(?:External)?AppClass\s|FCGIConfig\s|Fcgid\w+\s|LoadModule\s|(?:Add|Set)Handler\s+\S*(?:fastcgi|fcgid)-script|ScriptAlias\s|ServerRoot\s|DocumentRoot\s)/im,
  ],
  [
    "lighttpd",
    /^\s*(?:fastcgi\.(?:server|debug|map-extensions|balance)|server\.(?:modules|document-root|port|username)|\$HTTP\[|var\.\w+)/m,
  ],
  ["php-fpm", /^\[global\]|^\s*(?:pm|pm\.\w+|listen|listen\.\w+|php_admin_\w+\[.*\]|security\.limit_extensions)\s*=/m],
  ["command", /(?:^|[\s/;&|"'=])(?:spawn-fcgi|multiwatch|cgi-fcgi|php[\d.]*-cgi[\d.]*|fcgiwrap)(?:["'\s]|$)/m],
];

/** Undefined: it looks like nothing that can be imported. */
export function recognise(path: string, text: string): Kind | undefined {
  if (/\.(?:service|socket)$/.test(path)) return "systemd";
  return byContent.find(([, pattern]) => pattern.test(text))?.[0];
}
