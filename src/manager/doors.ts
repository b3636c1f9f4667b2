/**
 * Where the apps' listeners come from, and what becomes of them at the end: sockets of systemd's socket units, sockets
 * that it has kept for us since an earlier manager, and those that we bind ourselves and let it keep.
 */
import { closeSync, unlinkSync } from "node:fs";
import type { App } from "../config/app.ts";
import { FdStore, isStoredName } from "../os/fd-store.ts";
import type { Listener } from "../os/listener.ts";
import type { Place } from "../os/listening.ts";
import { adopt, inherit } from "../os/passed-listener.ts";
import {
  describePlace,
  examine,
  isAt,
  type Misfit,
  type PassedSocket,
  reachedFrom,
  refuseMisfits,
} from "../os/passed-sockets.ts";
import { holdersOf, isWorkerOfOurs } from "../os/procfs.ts";
import type { Grants, Notifier } from "../os/systemd.ts";
import { ownUnit, storeMaxOf } from "../os/systemd-unit.ts";
import { type Claims, claim } from "../supervision/claim.ts";
import type { ShellNotice } from "./notices.ts";
import { bindListener, type Plan } from "./plan.ts";

/** How long systemd may take to let go of what nobody wants any more. */
const letGoMs = 5000;

type Tell = (app: string | undefined, notice: ShellNotice) => void;

export class Doors {
  /** Of socket units: they stay open here until the end, whoever listens. */
  readonly #passed: readonly PassedSocket[];
  /** Which of them is for which app, by the app's name. */
  #claimed: ReadonlyMap<string, PassedSocket> = new Map();
  readonly #inherited = new Map<PassedSocket, Listener>();
  /** Out of the store, and wanted by an app that has not come for it yet. */
  readonly #kept = new Map<string, PassedSocket>();
  /** Who else serves them is still to be told. */
  readonly #adopted: (readonly [app: string, listener: Listener])[] = [];
  readonly #store: FdStore | undefined;
  readonly #notifier: Notifier | undefined;
  /** Bound or adopted, and open. */
  readonly #own = new Set<Listener>();
  /** systemd has been told to close something, and may not have read it yet. */
  #isDropping = false;
  #isParting = false;
  #isOver = false;
  #tell: Tell = (app, notice) => void this.#untold.push([app, notice]);
  readonly #untold: [app: string | undefined, notice: ShellNotice][] = [];

  constructor(notifier: Notifier | undefined, sockets: readonly PassedSocket[]) {
    this.#notifier = notifier;
    this.#store = notifier === undefined ? undefined : new FdStore(notifier);
    this.#passed = sockets;
  }

  /** Which socket is for which app. What was kept for nobody is let go of, so that its address is free again. */
  async assign(apps: readonly App[], kept: readonly (PassedSocket | Misfit)[]): Promise<void> {
    const { taken, left } = this.claim(apps);
    for (const socket of left) this.#tell(undefined, unclaimed(socket));
    const isAtPlaceOf = lookOnce();
    for (const socket of kept) {
      const app = "what" in socket ? undefined : apps.find((one) => isAtPlaceOf(socket, one));
      const isFree = app !== undefined && !this.#kept.has(app.name) && !taken.has(app.name);
      if (isFree && "at" in socket) this.#kept.set(app.name, socket);
      else this.#letGo(socket, apps);
    }
    if (this.#kept.size < kept.length) await this.#notifier?.barrier(letGoMs);
  }

  /** Before listeners are opened: all apps that there are to be, as a start with them would see it. Throws what `claim` throws. */
  claim(apps: readonly App[]): Claims<PassedSocket> {
    const claims = claim(this.#passed, apps, {
      listens: ({ listen }) => listen.kind !== "none",
      isAt: lookOnce(),
    });
    this.#claimed = claims.taken;
    return claims;
  }

  /** From now on what is worth saying is said. */
  report(tell: Tell): void {
    this.#tell = tell;
    for (const [app, notice] of this.#untold.splice(0)) tell(app, notice);
    this.#tellSharers();
  }

  /** The app's listener; absent for a program without one. Throws what bindListener throws. */
  open(plan: Plan): Listener | undefined {
    return this.inherit(plan.app) ?? this.#bind(plan);
  }

  /** The listener on the socket of systemd's that is for this app, if some app has it already. */
  inheritedFor(app: string): Listener | undefined {
    const socket = this.#claimed.get(app);
    return socket && this.#inherited.get(socket);
  }

  /** The socket of systemd's that is for this app. Where another one has it already, they share the listener. */
  inherit(app: App): Listener | undefined {
    const socket = this.#claimed.get(app.name);
    return socket && this.#inherit(app, socket);
  }

  #bind(plan: Plan): Listener | undefined {
    const kept = this.#kept.get(plan.app.name);
    if (kept !== undefined) return this.#adopt(plan, kept);
    const listener = bindListener(plan);
    return listener === undefined ? undefined : this.#guard(listener);
  }

  /** Asks systemd how much it keeps, and gives it all that we have. Resolves when it has been told. */
  async store(grants: Grants): Promise<void> {
    const store = this.#store;
    if (store === undefined) return;
    const unit = ownUnit();
    // Before systemd 254 only systemctl tells. Where it does not, it is tried: systemd throws away what it has no room for.
    const max =
      grants.storeMax ?? (unit === undefined ? undefined : await storeMaxOf(unit)) ?? Number.POSITIVE_INFINITY;
    store.open(max);
    for (const listener of this.#own) this.#keep(listener);
  }

  /** Resolves when what we have closed is closed on systemd's side as well, so that it is in nobody's way; or takes too long. */
  async settled(): Promise<void> {
    if (!this.#isDropping) return;
    this.#isDropping = false; // what is closed from here on is for the next barrier
    if ((await this.#notifier?.barrier(letGoMs)) === false) this.#isDropping = true;
  }

  /** Is there anything that outlives us, if we let it? */
  get hasStored(): boolean {
    return [...this.#own].some(({ inode }) => this.#store?.has(inode) === true);
  }

  /** At the end of the manager what is stored stays open, for whoever comes next. */
  part(): void {
    this.#isParting = true;
    this.close();
  }

  /** Nobody is to serve any more: that is no news of any socket. */
  close(): void {
    this.#isOver = true;
  }

  /** Nothing comes of this start: what was open before it stays as it was. */
  giveBack(): void {
    this.part();
    for (const listener of [...this.#own]) listener.release();
  }

  #inherit({ name, listen }: App, socket: PassedSocket): Listener {
    const before = this.#inherited.get(socket);
    const listener = before ?? this.#takeUp(socket);
    const { address } = listener;
    if (before === undefined) this.#tell(name, { type: "listener.inherited", address, name: socket.name });
    if (listen.kind !== "none" && !isAt(socket, listen))
      this.#tell(name, { type: "listener.elsewhere", address, configured: describePlace(listen) });
    return listener;
  }

  #takeUp(socket: PassedSocket): Listener {
    const leave = () => {
      this.#inherited.delete(socket);
      if (!this.#isOver) this.#tell(undefined, unclaimed(socket));
    };
    const listener = { ...inherit(socket), release: leave, leave };
    this.#inherited.set(socket, listener);
    return listener;
  }

  #adopt(plan: Plan, socket: PassedSocket): Listener {
    const { app, owner } = plan;
    this.#kept.delete(app.name);
    const options = { backlog: app.listenQueueDepth, mode: app.socketMode, ...owner };
    const listener = adopt(socket, app.listen as Place, options);
    this.#store?.knows(socket.inode, socket.name);
    this.#tell(app.name, { type: "listener.adopted", address: listener.address });
    this.#adopted.push([app.name, listener]);
    return this.#guard(listener);
  }

  /** Who holds what we have adopted, and is no worker of ours: there is none yet. All processes are looked at once, mostly in vain. */
  #tellSharers(): void {
    const isStranger = (pid: number) => pid !== process.pid && isWorkerOfOurs(pid);
    const strangers = (inodes: readonly number[]) => holdersOf(inodes).filter(isStranger);
    const adopted = this.#adopted.splice(0);
    if (adopted.length === 0 || strangers(adopted.map(([, { inode }]) => inode)).length === 0) return;
    for (const [app, { inode, address }] of adopted) {
      const pids = strangers([inode]);
      if (pids.length > 0) this.#tell(app, { type: "listener.shared", address, pids });
    }
  }

  /** What we have bound, with an eye on the store. */
  #guard(listener: Listener): Listener {
    const outlivesUs = () => this.#isParting && this.#store?.has(listener.inode) === true;
    const leave = () => {
      this.#own.delete(guarded);
      listener.leave();
    };
    const guarded: Listener = {
      ...listener,
      outlivesUs,
      refuseNew: () => !outlivesUs() && listener.refuseNew(),
      leave,
      release: () => {
        if (outlivesUs()) leave();
        else this.#close(guarded, listener);
      },
    };
    this.#own.add(guarded);
    this.#keep(guarded);
    return guarded;
  }

  #close(guarded: Listener, listener: Listener): void {
    this.#own.delete(guarded);
    this.#isDropping ||= this.#store?.has(listener.inode) === true;
    this.#store?.drop(listener.inode);
    listener.release();
  }

  #keep(listener: Listener): void {
    if (this.#store?.isOpen !== true || this.#store.keep(listener)) return;
    this.#tell(undefined, { type: "listener.not-kept", address: listener.address });
  }

  #letGo(socket: PassedSocket | Misfit, apps: readonly App[]): void {
    // It was bound beside its path, under a name with the pid of its manager, and then renamed.
    const address = "what" in socket ? "" : describePlace(socket.at).replace(/\.\d+$/, "");
    if ("at" in socket && socket.at.kind === "unix") removeSocketAt(address, socket);
    closeSync(socket.fd);
    this.#notifier?.tell(["FDSTOREREMOVE=1", `FDNAME=${socket.name}`]);
    if ("what" in socket) return;
    const isWanted = apps.some(({ listen }) => listen.kind === "unix" && listen.path === address);
    this.#tell(undefined, { type: isWanted ? "listener.lost" : "listener.let-go", address });
  }
}

/** Looks at what systemd has passed. Throws what no app could serve on. */
export async function openDoors(grants: Grants, notifier: Notifier | undefined, apps: readonly App[]): Promise<Doors> {
  const isStored = ({ name }: { name: string }) => isStoredName(name);
  const kept = grants.descriptors.filter(isStored).map(examine);
  const passed = grants.descriptors.filter((one) => !isStored(one)).map(examine);
  const doors = new Doors(notifier, refuseMisfits(passed));
  await doors.assign(apps, kept);
  return doors;
}

/** A path that leads to another socket by now is somebody else's; one that leads to a closed one is in everybody's way. */
function removeSocketAt(path: string, socket: PassedSocket): void {
  try {
    if (isAt(socket, { kind: "unix", path })) unlinkSync(path);
  } catch {} // the directory is not ours to write to
}

/** Is the socket where the app wants to listen? Each app's place is looked at once, however many sockets there are. */
function lookOnce(): (socket: PassedSocket, app: App) => boolean {
  const looks = new Map<App, (socket: PassedSocket) => boolean>();
  return (socket, app) => {
    if (app.listen.kind === "none") return false;
    const look = looks.get(app) ?? reachedFrom(app.listen);
    looks.set(app, look);
    return look(socket);
  };
}

function unclaimed(socket: PassedSocket): ShellNotice {
  return { type: "listener.unclaimed", address: describePlace(socket.at), name: socket.name };
}
