/** As whom a web server would come to the socket: the user that is named, those that run, or the usual one. */
import type { Level } from "../diagnosis/finding.ts";
import type { Visitor } from "../diagnosis/place-reach.ts";
import type { Person } from "../os/access-as.ts";
import { findAccount, groupsOf, resolveIdentity } from "../os/identity.ts";
import { findUser } from "../os/posix.ts";
import { configNaming, nameOf, type WebServer } from "./web-servers.ts";

export interface Candidate {
  readonly visitor: Visitor;
  readonly person: Person;
  /** How sure it is that it concerns this socket. */
  readonly level: Level;
}

/** As whom Debian's web servers run. */
const usualUser = "www-data";

/** One for each user; the named one alone where somebody is named. */
export function candidatesFor(
  path: string,
  named: string | undefined,
  servers: readonly WebServer[],
): readonly Candidate[] {
  if (named !== undefined) return [namedCandidate(named, servers)];
  const running = servers.filter(({ isContained }) => !isContained).map((server) => runningCandidate(path, server));
  return running.length > 0 ? running : guessed();
}

/** Of a server that runs as this user the groups count that it has now. */
function namedCandidate(user: string, servers: readonly WebServer[]): Candidate {
  const uid = accountOf(user);
  const server = servers.find((each) => each.uid === uid.uid);
  if (server !== undefined) return ofServer(server, "--web-user", "broken");
  return ofAccount(uid, "--web-user", "broken");
}

function runningCandidate(path: string, server: WebServer): Candidate {
  const file = configNaming(server, path);
  const because = file === undefined ? `${nameOf(server)} runs as this user` : `${file} names the socket`;
  return ofServer(server, because, file === undefined ? "risk" : "broken");
}

function guessed(): Candidate[] {
  const account = findUser(usualUser);
  return account === undefined ? [] : [ofAccount(account, "web servers run as this user, as a rule", "risk")];
}

function ofServer(server: WebServer, because: string, level: Level): Candidate {
  const { uid, gid, groups, user, overridesRights } = server;
  return {
    visitor: { uid, groups: [gid, ...groups], user, server: nameOf(server), because },
    person: { uid, gid, groups, overridesRights },
    level,
  };
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function ofAccount({ name, uid, gid }: Account, because: string, level: Level): Candidate {
  return {
    visitor: { uid, groups: groupsOf(name, gid), user: name, server: undefined, because },
    person: { uid, gid },
    level,
  };
}

/** Throws where there is no such user. */
function accountOf(user: string): Account {
  const account = findAccount(user);
  if (account !== undefined) return account;
  if (/^\d+$/.test(user)) return { name: user, uid: Number(user), gid: Number(user) };
  return resolveIdentity(user, undefined);
}
