/** What stands at the path of a socket, and who listens there. Facts in, findings out. */
import type { Finding } from "./finding.ts";

/** A process that listens, as people name it. */
export interface Occupant {
  readonly pid: number;
  readonly name: string;
  readonly user: string;
  /** It was started by some fcgi-pm as a worker. */
  readonly isWorker: boolean;
}

/** Whose place it is, for the remedies. */
export interface Tenant {
  /** Absent: a socket of somebody else's. */
  readonly app: string | undefined;
  /** Absent: its config is not known. */
  readonly configFile: string | undefined;
  /** A path that web servers can reach. */
  readonly openPath: string;
}

/** The command that starts the app's manager. */
export function startOf({ configFile }: Pick<Tenant, "configFile">): string {
  return configFile === undefined ? "fcgi-pm start" : `fcgi-pm start --config ${configFile}`;
}

export function tooLong(path: string, bytes: number, longest: number, { openPath }: Tenant): Finding {
  return {
    code: "place.path-too-long",
    level: "broken",
    what: `the path of the socket has ${bytes} bytes, and the system allows ${longest}`,
    seen: [path],
    remedy: [`socket = "${openPath}"   # a shorter path`],
  };
}

export function noDirectory(path: string, directory: string, { openPath }: Tenant): Finding {
  return {
    code: "place.no-directory",
    level: "broken",
    what: `there is no directory ${directory} for the socket ${path}`,
    seen: [`ls -d ${directory}: No such file or directory`],
    remedy: [
      `mkdir -p ${directory}`,
      ...(isSwept(directory) ? [tmpfilesLine(directory)] : []),
      `socket = "${openPath}"   # that directory fcgi-pm makes itself, for root`,
    ],
  };
}

/** What systemd makes anew at each boot. */
export function isSwept(directory: string): boolean {
  return /^\/(?:run|var\/run|tmp)\/./.test(directory);
}

function tmpfilesLine(directory: string): string {
  return `echo 'd ${directory} 0755 root root' > /etc/tmpfiles.d/${directory.split("/").at(-1)}.conf   # makes it at each boot`;
}

/** The directory is there now, and will not be after the next boot. */
export function sweptAtBoot(path: string, directory: string): Finding {
  return {
    code: "place.swept-at-boot",
    level: "note",
    what: `the directory ${directory} of the socket is empty memory after a boot, and nothing makes it again`,
    seen: [`no line of tmpfiles.d and no RuntimeDirectory= names ${directory}`, `socket: ${path}`],
    remedy: [tmpfilesLine(directory)],
  };
}

/** `a regular file`, `a directory`, `a symbolic link`. */
export function notASocket(path: string, kind: string, app: string | undefined): Finding {
  return {
    code: "place.not-a-socket",
    level: "broken",
    what: `what stands at ${path} is no socket but ${kind}`,
    seen: [`ls -l ${path}`],
    remedy:
      kind === "a symbolic link" && app !== undefined
        ? [`socket = "$(readlink -f ${path})"   # the path that the link leads to`]
        : [`mv ${path} ${path}.away   # if it is not needed, then: fcgi-pm start`],
  };
}

export function stale(path: string, tenant: Tenant): Finding {
  return {
    code: "place.stale-socket",
    level: "broken",
    what: `nobody listens at ${path}: the socket file was left behind, and web servers get "(111: Connection refused)"`,
    seen: ["the kernel knows of no listening socket that is bound to this file"],
    remedy:
      tenant.app === undefined
        ? [`start the program that listens there, or: rm ${path}`]
        : [`${startOf(tenant)}   # it replaces the dead socket by itself`],
  };
}

/** `beside`: sockets in the same directory where somebody listens, each with his name. */
export function absent(path: string, tenant: Tenant, beside: readonly string[]): Finding {
  const { app } = tenant;
  return {
    code: "place.no-socket",
    level: app === undefined ? "broken" : "note",
    what: `there is no socket at ${path}: ${app === undefined ? "nobody listens there" : `no manager runs ${app}`}`,
    seen: [
      'web servers get "(2: No such file or directory)"',
      ...beside.map((each) => `in the same directory there is ${each}`),
    ],
    remedy: app === undefined ? remediesOfAbsence(beside) : [startOf(tenant)],
  };
}

function remediesOfAbsence(beside: readonly string[]): string[] {
  const other = "if it is one of those above: name that path in the web server's config, and reload the web server";
  return [...(beside.length === 0 ? [] : [other]), "fcgi-pm status   # where do apps listen?"];
}

/** Somebody else listens where the app would. `elsewhere`: the line of its config that gives it another address. */
export function heldByOthers(where: string, occupants: readonly Occupant[], elsewhere: string): Finding {
  if (occupants.some(isSystemd)) return heldBySystemd(where, occupants);
  const orphans = occupants.length > 0 && occupants.every(({ isWorker }) => isWorker);
  const pids = occupants.map(({ pid }) => pid).join(" ");
  return {
    code: "place.held-by-others",
    level: "broken",
    what: `${nameAll(occupants)} already at ${where}${orphans ? ", left by a manager that was killed" : ""}`,
    seen: occupants.map(describe),
    remedy: [
      ...(orphans ? [`kill ${pids}`] : []),
      elsewhere,
      ...(orphans || occupants.length === 0 ? [] : [`kill ${pids}   # if it is not meant to run`]),
    ],
  };
}

/** It opens what socket units say, and keeps the listeners of a service that is between two starts. */
function heldBySystemd(where: string, occupants: readonly Occupant[]): Finding {
  return {
    code: "place.held-by-others",
    level: "broken",
    what: `systemd keeps the listener at ${where} open, for a service that does not start or is another one`,
    seen: occupants.map(describe),
    remedy: [
      "systemctl status 'fcgi-pm*'   # a service that does not start says why",
      "systemctl list-sockets   # a socket unit names its service",
    ],
  };
}

/** PID 1, or that of a user. */
function isSystemd({ name }: Occupant): boolean {
  return name === "systemd";
}

/** The app runs, and the path leads to a socket that is not its manager's. */
export function takenOver(path: string, occupants: readonly Occupant[], app: string, isWorker: boolean): Finding {
  return {
    code: "place.taken-over",
    level: "broken",
    what: isWorker
      ? `the program of ${app} has bound ${path} itself, over the socket of its manager`
      : `${path} does not lead to the socket of ${app} any more: ${nameAll(occupants)} there`,
    seen: [...occupants.map(describe), "the manager's own socket is open, and has no path that leads to it"],
    remedy: isWorker
      ? [
          "WSGIServer(app).run()   # flup: without bindAddress, it takes its listener from fd 0",
          `fcgi-pm restart ${app}   # after the program was mended`,
        ]
      : [
          `kill ${occupants.map(({ pid }) => pid).join(" ")}   # if it is not meant to run`,
          "then start fcgi-pm anew: it binds the path again",
        ],
  };
}

/** The manager has its socket, and the path leads nowhere. */
export function removed(path: string, app: string, tenant: Tenant): Finding {
  return {
    code: "place.removed",
    level: "broken",
    what: `the socket file ${path} of ${app} was removed while the app runs: no web server finds it`,
    seen: ["the manager's socket is open, and has no path that leads to it"],
    remedy: [`fcgi-pm stop && ${startOf(tenant)}   # a new start binds the path again`],
  };
}

/** `process 12 (php-fpm8.2) and 3 more listen`. */
export function nameAll(occupants: readonly Occupant[]): string {
  const [first, ...others] = occupants;
  if (first === undefined) return "a process that is hidden from us listens";
  const name = `process ${first.pid} (${first.name})`;
  return others.length === 0 ? `${name} listens` : `${name} and ${others.length} more listen`;
}

function describe({ pid, name, user }: Occupant): string {
  return `process ${pid}, ${name}, of ${user}`;
}
