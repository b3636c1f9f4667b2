/**
 * Where the apps' listeners come from, and what becomes of them at the end: sockets of systemd's socket units, sockets
 * that it has kept for us since an earlier manager, and those that we bind ourselves and let it keep.
 */
import { closeSync } from "node:fs";
import type { App } from "../config/app.ts";
import { FdStore, isStoredName } from "../os/fd-store.ts";
import type { Listener } from "../os/listener.ts";
import type { Place } from "../os/listening.ts";
import { adopt, inherit } from "../os/passed-listener.ts";
import { describePlace, examine, isAt, type Misfit, type PassedSocket, refuseMisfits } from "../os/passed-sockets.ts";
import { holdersOf, isWorkerOfOurs } from "../os/procfs.ts";
import type { Grants, Notifier } from "../os/systemd.ts";
import { ownUnit, storeMaxOf } from "../os/systemd-unit.ts";
import { claim } from "../supervision/claim.ts";
import type { ShellNotice } from "./notices.ts";
import { bindListener, type Plan } from "./plan.ts";

/** How long systemd may take to let go of what nobody wants any more. */
const letGoMs = 5000;

type Tell = (app: string | undefined, notice: ShellNotice) => void;

export class Doors {
  /** Of socket units: they stay open here until the end, whoever listens. */
  readonly #passed: readonly PassedSocket[];
  /** Which of them is for which app, by name. */
  readonly #claimed = new Map<string, PassedSocket>();
  readonly #inherited = new Map<PassedSocket, Listener>();
  /** Out of the store, and wanted by an app that has not come for it yet. */
  readonly #kept = new Map<string, PassedSocket>();
  readonly #store: FdStore | undefined;
  readonly #notifier: Notifier | undefined;
  /** Bound or adopted, and open. */
  readonly #own = new Set<Listener>();
  #isParting = false;
  #tell: Tell = (app, notice) => void this.#untold.push([app, notice]);
  readonly #untold: [app: string | undefined, notice: ShellNotice][] = [];

  constructor(notifier: Notifier | undefined, sockets: readonly PassedSocket[]) {
    this.#notifier = notifier;
    this.#store = notifier === undefined ? undefined : new FdStore(notifier);
    this.#passed = sockets;
  }

  /** Which socket is for which app. What was kept for nobody is let go of, so that its address is free again. */
  async assign(apps: readonly App[], kept: readonly (PassedSocket | Misfit)[]): Promise<void> {
    const { taken, left } = claimFor(apps, this.#passed);
    for (const [app, socket] of taken) this.#claimed.set(app, socket);
    for (const socket of left) this.#tell(undefined, unclaimed(socket));
    for (const socket of kept) {
      const app =
        "what" in socket ? undefined : apps.find(({ listen }) => listen.kind !== "none" && isAt(socket, listen));
      const isFree = app !== undefined && !this.#kept.has(app.name) && !taken.has(app.name);
      if (isFree && "at" in socket) this.#kept.set(app.name, socket);
      else this.#letGo(socket, apps);
    }
    if (this.#kept.size < kept.length) await this.#notifier?.barrier(letGoMs);
  }

  /** From now on what is worth saying is said. */
  report(tell: Tell): void {
    this.#tell = tell;
    for (const [app, notice] of this.#untold.splice(0)) tell(app, notice);
  }

  /** The app's listener; absent for a program without one. Throws what bindListener throws. */
  open(plan: Plan): Listener | undefined {
    const { name } = plan.app;
    const passed = this.#claimed.get(name) ?? this.#freeFor(plan.app);
    if (passed !== undefined) return this.#inherit(plan.app, passed);
    const kept = this.#kept.get(name);
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

  /** Is there anything that outlives us, if we let it? */
  get hasStored(): boolean {
    return [...this.#own].some(({ inode }) => this.#store?.has(inode) === true);
  }

  /** At the end of the manager what is stored stays open, for whoever comes next. */
  part(): void {
    this.#isParting = true;
  }

  /** Nothing comes of this start: what was open before it stays as it was. */
  giveBack(): void {
    this.#isParting = true;
    for (const listener of [...this.#own]) listener.release();
  }

  #freeFor(app: App): PassedSocket | undefined {
    const busy = new Set(this.#claimed.values());
    const free = this.#passed.filter((socket) => !busy.has(socket));
    const socket = claimFor([app], free).taken.get(app.name);
    if (socket !== undefined) this.#claimed.set(app.name, socket);
    return socket;
  }

  /** An app that moves to where it is already shares the listener with itself. */
  #inherit({ name, listen }: App, socket: PassedSocket): Listener {
    const before = this.#inherited.get(socket);
    if (before !== undefined) return before;
    const leave = () => {
      this.#inherited.delete(socket);
      this.#claimed.delete(name);
      if (!this.#isParting) this.#tell(undefined, unclaimed(socket));
    };
    const listener = { ...inherit(socket), release: leave, leave };
    this.#inherited.set(socket, listener);
    this.#tell(name, { type: "listener.inherited", address: listener.address, name: socket.name });
    if (listen.kind !== "none" && !isAt(socket, listen)) {
      this.#tell(name, { type: "listener.elsewhere", address: listener.address, configured: describePlace(listen) });
    }
    return listener;
  }

  #adopt(plan: Plan, socket: PassedSocket): Listener {
    const { app, owner } = plan;
    this.#kept.delete(app.name);
    const options = { backlog: app.listenQueueDepth, mode: app.socketMode, ...owner };
    const listener = adopt(socket, app.listen as Place, options);
    this.#store?.knows(socket.inode, socket.name);
    const strangers = holdersOf([socket.inode]).filter((pid) => pid !== process.pid && isWorkerOfOurs(pid));
    this.#tell(app.name, { type: "listener.adopted", address: listener.address });
    if (strangers.length > 0)
      this.#tell(app.name, { type: "listener.shared", address: listener.address, pids: strangers });
    return this.#guard(listener);
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
    this.#store?.drop(listener.inode);
    listener.release();
  }

  #keep(listener: Listener): void {
    if (this.#store?.isOpen !== true || this.#store.keep(listener)) return;
    this.#tell(undefined, { type: "listener.not-kept", address: listener.address });
  }

  #letGo(socket: PassedSocket | Misfit, apps: readonly App[]): void {
    closeSync(socket.fd);
    this.#notifier?.tell(["FDSTOREREMOVE=1", `FDNAME=${socket.name}`]);
    if ("what" in socket) return;
    // It was bound beside its path, under a name with the pid of its manager, and then renamed.
    const address = describePlace(socket.at).replace(/\.\d+$/, "");
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

function claimFor(apps: readonly App[], sockets: readonly PassedSocket[]) {
  return claim(sockets, apps, {
    listens: ({ listen }) => listen.kind !== "none",
    isAt: (socket, { listen }) => listen.kind !== "none" && isAt(socket, listen),
  });
}

function unclaimed(socket: PassedSocket): ShellNotice {
  return { type: "listener.unclaimed", address: describePlace(socket.at), name: socket.name };
}
