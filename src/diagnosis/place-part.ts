/** A part of a path with its rights, and what they allow. */

export interface PathPart {
  readonly path: string;
  /** The kind of file and its nine letters: `drwxr-x---`. */
  readonly letters: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly owner: string;
  readonly group: string;
  readonly isSocket: boolean;
}

/** Who wants to pass, by numbers. */
export interface Passer {
  readonly uid: number;
  readonly groups: readonly number[];
}

const searchBit = 1;
const writeBit = 2;

/** Whether mode and owner allow it: access control lists are not among them. */
export function allows(part: PathPart, { uid, groups }: Passer): boolean {
  if (uid === 0) return true;
  const bit = part.isSocket ? writeBit : searchBit;
  if (part.uid === uid) return (part.mode & (bit << 6)) !== 0;
  if (groups.includes(part.gid)) return (part.mode & (bit << 3)) !== 0;
  return (part.mode & bit) !== 0;
}

/** As `namei -l` has it: `drwxr-x--- ann staff /home/ann`. */
export function describePart({ letters, owner, group, path }: PathPart): string {
  return `${letters} ${owner} ${group} ${path}`;
}
