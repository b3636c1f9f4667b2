/** What a web server is to serve: apps, where they listen, and below which path. Plain data, of this room alone. */

export const webKinds = ["nginx", "apache", "lighttpd", "haproxy", "caddy"] as const;
export type WebKind = (typeof webKinds)[number];

/** Where the web server connects. */
export type WebAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** One application, whatever the path is, or scripts on disk that each request names. */
export type WebProgram =
  | {
      readonly kind: "application";
      /** The one file that it runs (fcgiwrap in front of one CGI program). */
      readonly script?: string;
    }
  | {
      readonly kind: "scripts";
      /** The directory that the mount shows. */
      readonly root: string;
      /** Without a dot. */
      readonly extensions: readonly string[];
      /** What answers for a directory, the first that is there. May be empty. */
      readonly index: readonly string[];
    };

/** What answers for what is no file: the first index that is run. A page is none. */
export function frontOf({
  index,
  extensions,
}: {
  readonly index: readonly string[];
  readonly extensions: readonly string[];
}): string | undefined {
  return index.find((file) => extensions.some((extension) => file.endsWith(`.${extension}`)));
}

/** Who may connect to a Unix socket. Undefined names are not known. */
export interface WebRights {
  readonly mode: number;
  readonly user: string | undefined;
  readonly group: string | undefined;
}

export interface WebApp {
  readonly name: string;
  readonly listen: WebAddress;
  /** It listens on every address of its machine, and `listen` is the one for a web server beside it. */
  readonly listensEverywhere?: boolean;
  readonly program: WebProgram;
  /** How many connections all workers take at once; "any": as many as come. Undefined: not known. */
  readonly connections: number | "any" | undefined;
  /** The program is known to leave a connection open that the web server keeps. */
  readonly keepsConnections: boolean;
  /** How long it may take until the next part of an answer comes. */
  readonly patienceSeconds: number;
  /** Undefined: it listens on TCP, or nothing is known of its socket. */
  readonly rights: WebRights | undefined;
}

/** An app at its place in the site. */
export interface Mounted {
  readonly app: WebApp;
  /** The path without a slash at its end; empty at the root. */
  readonly at: string;
  /** The directory whose files are served before the app is asked. */
  readonly static?: string | undefined;
}

export interface WebSite {
  readonly apps: readonly [Mounted, ...Mounted[]];
  readonly serverName: string | undefined;
  /** Where the web server listens; without a host on every address. */
  readonly listen: { readonly host: string | undefined; readonly port: number };
  /** Of the machine: as many processes nginx has. */
  readonly processors: number;
}
