/** fcgi-pm as a service of the machine: what has to be known to write its units and scripts. */

/** As whom the manager runs. */
export type ServiceUser =
  /** All workers are of this user: the manager is, too. */
  | { readonly kind: "one"; readonly user: string; readonly group?: string }
  /** Root starts workers of others, or has to for these reasons; with the capabilities beside those for that. */
  | { readonly kind: "root"; readonly reasons: readonly string[]; readonly capabilities: readonly string[] }
  /** A unit of `systemd --user`. */
  | { readonly kind: "session" };

/** A listener of an app, as a socket unit has it. */
export interface ServiceSocket {
  readonly app: string;
  readonly listen:
    | { readonly kind: "unix"; readonly path: string }
    | { readonly kind: "tcp"; readonly host: string; readonly port: number };
  readonly backlog: number;
  /** Of a Unix socket. */
  readonly mode: number;
  readonly user?: string;
  readonly group?: string;
}

/** Directories, all absolute. */
export interface ServicePlaces {
  /** Where something has to be read or run: config, programs, fcgi-pm itself. */
  readonly read: readonly string[];
  /** Where sockets and logs are made. */
  readonly written: readonly string[];
  /** Where the apps live, and may have data. */
  readonly homes: readonly string[];
  /** Below /var/log, made by systemd. */
  readonly logs: readonly string[];
}

export interface Service {
  /** Without an ending, such as `fcgi-pm`; `fcgi-pm@` is the template. */
  readonly name: string;
  /** Node and the script of fcgi-pm, absolute. */
  readonly program: readonly [string, ...string[]];
  /** Absolute. Absent for the template: `/etc/fcgi-pm/%i.toml`. */
  readonly config?: string;
  /** The control socket, if the config names one. */
  readonly control?: string;
  readonly user: ServiceUser;
  readonly sockets: readonly ServiceSocket[];
  readonly places: ServicePlaces;
  /** How many workers there are, all together. */
  readonly workers: number;
  /** The longest start and the longest stop of an app. */
  readonly startMs: number;
  readonly stopMs: number;
  /** What some app wants as its limit of open files. */
  readonly openFiles?: number | "unlimited";
  /** An app has a `priority`. */
  readonly setsPriority: boolean;
  /** An app has `pass-env`. */
  readonly passesEnvironment: boolean;
}

export const isTemplate = ({ name }: Service): boolean => name.endsWith("@");

/** What people type after `systemctl start`. */
export const unitOf = (service: Service): string => `${service.name}${isTemplate(service) ? "blog" : ""}`;

/** The directory below the one for runtime files, with specifiers. */
export const runtimeOf = (service: Service): string => (isTemplate(service) ? "fcgi-pm-%i" : service.name);
