/** Descriptors that systemd keeps for us while we are away (FileDescriptorStoreMax=; sd_notify(3), FDSTORE=1). */
import type { Notifier } from "./systemd.ts";

/** All that bears such a name was put there by a manager; a socket unit's sockets come in the same list. */
const prefix = "fcgi-pm-stored";

export function isStoredName(name: string): boolean {
  return name.startsWith(`${prefix}-`);
}

/** What is to be kept. */
export interface Keepable {
  readonly fd: number;
  readonly inode: number;
  readonly address: string;
}

export class FdStore {
  readonly #notifier: Notifier;
  /** Names by the inode of the socket, which is the same for whoever holds it. */
  readonly #names = new Map<number, string>();
  #max = 0;

  constructor(notifier: Notifier) {
    this.#notifier = notifier;
  }

  /** From now on it takes so many. */
  open(max: number): void {
    this.#max = max;
  }

  get isOpen(): boolean {
    return this.#max > 0;
  }

  has(inode: number): boolean {
    return this.#names.has(inode);
  }

  /** It lies there already. */
  knows(inode: number, name: string): void {
    this.#names.set(inode, name);
  }

  /** False: there is no room for it. */
  keep({ fd, inode, address }: Keepable): boolean {
    if (this.has(inode)) return true;
    if (this.#names.size >= this.#max) return false;
    // A path may have characters that a name must not have, so the kind has to do; the inode tells them apart.
    const name = `${prefix}-${address.startsWith("/") ? "unix" : "tcp"}-${inode}`;
    this.#names.set(inode, name);
    // FDPOLL=0: systemd would let go of a descriptor that shows an error.
    this.#notifier.tell(["FDSTORE=1", `FDNAME=${name}`, "FDPOLL=0"], [fd]);
    return true;
  }

  drop(inode: number): void {
    const name = this.#names.get(inode);
    if (name === undefined) return;
    this.#names.delete(inode);
    this.#notifier.tell(["FDSTOREREMOVE=1", `FDNAME=${name}`]);
  }
}
