/** What a user may do with a file, found out by trying it as that user: access control lists count, and so does root's power. */
import { spawnSync } from "node:child_process";
import { type Identity, toolPath } from "./identity.ts";
import { findUser } from "./posix.ts";

/** Who tries. */
export interface Person {
  readonly uid: number;
  readonly gid: number;
  /** Absent: all that the user has by now. */
  readonly groups?: readonly number[];
  /** May it use what rights forbid, as root usually does? Absent: as root is made here. */
  readonly overridesRights?: boolean;
}

/** To pass a directory, to read a file, or to connect to a socket or make files in a directory. */
export type Right = keyof typeof testOf;

const testOf = { search: "-x", read: "-r", write: "-w" } as const;

/** Undefined where it cannot be tried: only root can be somebody else. */
export function tryAs(person: Person, path: string, right: Right): boolean | undefined {
  const prefix = becoming(person);
  if (prefix === undefined) return undefined;
  const [program = "", ...args] = [...prefix, toolPath("test"), testOf[right], path];
  const { status } = spawnSync(program, args, { stdio: "ignore", timeout: 10_000 });
  return status === 0 || status === 1 ? status === 0 : undefined;
}

/** A test of test(1), and the path that it is about. */
export interface PathTest {
  readonly test: "-r" | "-w" | "-x";
  readonly path: string;
}

/** The index of the first test that fails for those who run as a worker does; -1 where all hold. */
export async function firstRefused(tests: readonly PathTest[], identity: Identity): Promise<number> {
  const script = tests.map(({ test }, index) => `[ ${test} "$${index + 1}" ] || exit ${index + 1}`).join("; ");
  const [command = "", ...args] = [...(identity.setpriv ?? []), "/bin/sh", "-c", script, "sh"];
  // Loaded here, since most starts do without it: it takes some 15 ms.
  const { execa } = await import("execa");
  const { exitCode } = await execa(command, [...args, ...tests.map(({ path }) => path)], { reject: false, cwd: "/" });
  return (exitCode ?? 0) - 1;
}

function becoming(person: Person): string[] | undefined {
  const ownUid = process.geteuid?.() ?? 0;
  if (ownUid !== 0) return person.uid === ownUid ? [] : undefined;
  return [
    toolPath("setpriv"),
    `--reuid=${person.uid}`,
    `--regid=${person.gid}`,
    groupsOf(person),
    ...(person.overridesRights === false ? ["--bounding-set=-dac_override,-dac_read_search"] : []),
    "--",
  ];
}

function groupsOf({ uid, groups }: Person): string {
  if (groups === undefined) return findUser(uid) === undefined ? "--clear-groups" : "--init-groups";
  return groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`;
}
