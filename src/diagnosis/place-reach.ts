/** The web server's user cannot reach the socket: what stops it, and what mends it. Facts in, finding out. */
import type { Finding, Level } from "./finding.ts";
import { allows, describePart, type Passer, type PathPart } from "./place-part.ts";

/** Who wants to connect. */
export interface Visitor extends Passer {
  readonly user: string;
  /** `nginx (process 4711)`; absent: no such web server runs. */
  readonly server: string | undefined;
  /** Why just this user: `--web-user`, `/etc/nginx/sites-enabled/blog names the socket`. */
  readonly because: string;
}

export interface ReachFacts {
  readonly path: string;
  readonly visitor: Visitor;
  /** From the root to the socket. */
  readonly parts: readonly PathPart[];
  /** The first that does not let the visitor pass. */
  readonly barrier: PathPart;
  /** The barrier is the socket that the manager will make. */
  readonly isToCome: boolean;
  /** It was tried as that user; else it is what modes and owners say. */
  readonly wasTried: boolean;
  /** The user may by now: a group was given to it after the web server was started. */
  readonly needsRestart: boolean;
  readonly level: Level;
  /** Of an app of ours: its name, and its socket's group can be set. */
  readonly app: string | undefined;
  /** Where a socket can be reached by everybody. */
  readonly openPath: string;
}

export function unreachable(facts: ReachFacts): Finding {
  const { path, visitor, barrier, parts, level } = facts;
  const who = visitor.server === undefined ? visitor.user : `${visitor.user}, as whom ${visitor.server} runs,`;
  const what = barrier.isSocket
    ? `${who} may not write to the socket ${path}: "(13: Permission denied)"`
    : `${who} cannot reach the socket ${path}: the directory ${barrier.path} is closed to it, "(13: Permission denied)"`;
  return {
    code: "place.unreachable",
    level,
    what,
    seen: [`asked for ${visitor.user}: ${visitor.because}`, howSeen(facts), ...parts.map(describePart)],
    remedy: facts.needsRestart ? [restartOf(visitor)] : remediesOf(facts),
  };
}

function howSeen({ wasTried, visitor, barrier, needsRestart, isToCome }: ReachFacts): string {
  const test = barrier.isSocket ? "-w" : "-x";
  if (needsRestart) {
    return `${visitor.user} is in the group ${barrier.group} by now, but ${visitor.server} was started before that`;
  }
  if (isToCome) return "the socket is made at the start, with the mode and the owner that are shown here";
  if (!wasTried)
    return `by mode and owner ${barrier.path} is closed to ${visitor.user}; only root can try it as that user`;
  const tried = `tried as ${visitor.user}: test ${test} ${barrier.path} fails`;
  return allows(barrier, visitor)
    ? `${tried}, though its mode allows it: an access control list (getfacl ${barrier.path}) or a security module forbids it`
    : tried;
}

function restartOf({ server }: Visitor): string {
  const name = server?.split(" ")[0] ?? "the web server";
  return `systemctl restart ${name}   # a process gets its groups when it is started`;
}

function remediesOf({ barrier, visitor, app, path, openPath }: ReachFacts): string[] {
  const move = app === undefined ? [] : [`socket = "${openPath}"   # a directory that everybody may pass`];
  if (barrier.isSocket) return socketRemedies(barrier, visitor, app, path);
  const join = `usermod -aG ${barrier.group} ${visitor.user}   # and restart the web server`;
  const groups = (barrier.mode & 0o010) !== 0 && barrier.gid !== 0 ? [join] : [];
  const open = `chmod o+x ${barrier.path}   # lets everybody pass it, without seeing what is in it`;
  return isMadeAnew(barrier.path) ? [...move, ...groups, open] : [...groups, open, ...move];
}

/** Its mode is set again at the next login, or it is root's own. */
function isMadeAnew(directory: string): boolean {
  return /^\/run\/user\/|^\/root(?:\/|$)/.test(`${directory}/`);
}

function socketRemedies(socket: PathPart, { user }: Visitor, app: string | undefined, path: string): string[] {
  const join = `usermod -aG ${socket.group} ${user}   # and restart the web server`;
  const groups = (socket.mode & 0o020) !== 0 && socket.gid !== 0 ? [join] : [];
  if (app === undefined)
    return [`chgrp ${user} ${path} && chmod g+w ${path}   # and in the config of whoever made it`, ...groups];
  return [
    `socket-owner = ":${user}"   # for ${app}, then: fcgi-pm reload ${app}`,
    ...groups,
    'socket-mode = "0666"   # everybody on this machine may connect',
  ];
}
