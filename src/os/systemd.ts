/** What systemd leaves to a service in its environment, and how it is told something: sd_notify(3), without libsystemd. */
import { closeSync } from "node:fs";
import { readPipe } from "./pipe.ts";
import { openDatagramSocket, openPipe, SystemCallError, sendDatagram, sendDescriptors, unixAddress } from "./posix.ts";

/** What was meant for this process. */
export interface Grants {
  /** Where systemd listens for news: a path, or an abstract name after `@`. */
  readonly notifySocket?: string;
  /** It wants to hear of us at least so often. */
  readonly watchdogMs?: number;
  /** Descriptors that it has passed, with the names it gave them. */
  readonly descriptors: readonly { readonly fd: number; readonly name: string }[];
  /** How many descriptors it keeps for us; before systemd 254 it does not say. */
  readonly storeMax?: number;
}

const firstPassedFd = 3;

/** Names that are another process's business once we have read them: a worker that finds them would believe that it is meant. */
const names = [
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
  "LISTEN_PID",
  "LISTEN_PIDFDID",
  "LISTEN_FDS",
  "LISTEN_FDNAMES",
  "FDSTORE",
] as const;

/** Reads what is meant for the process of this pid, and takes all of it out of the environment. */
export function takeGrants(env: NodeJS.ProcessEnv, pid: number): Grants {
  const notifySocket = env["NOTIFY_SOCKET"];
  const isHeard = notifySocket !== undefined && /^[/@]./.test(notifySocket) && Buffer.byteLength(notifySocket) <= 107;
  const watchdogMs = watchdogOf(env, pid);
  const storeMax = numberIn(env["FDSTORE"]);
  const grants: Grants = {
    descriptors: descriptorsOf(env, pid),
    ...(isHeard ? { notifySocket } : {}),
    ...(isHeard && watchdogMs !== undefined ? { watchdogMs } : {}),
    ...(isHeard && storeMax !== undefined ? { storeMax } : {}),
  };
  for (const name of names) delete env[name];
  return grants;
}

/** Absent WATCHDOG_PID: whoever finds the interval is meant (sd_watchdog_enabled(3)). */
function watchdogOf(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const microseconds = numberIn(env["WATCHDOG_USEC"]);
  if (microseconds === undefined || microseconds === 0) return undefined;
  const meant = env["WATCHDOG_PID"];
  return meant === undefined || meant === String(pid) ? microseconds / 1000 : undefined;
}

/** LISTEN_PID has to be ours: variables of a parent's activation may still be around (sd_listen_fds(3)). */
function descriptorsOf(env: NodeJS.ProcessEnv, pid: number): Grants["descriptors"] {
  const count = numberIn(env["LISTEN_FDS"]);
  if (count === undefined || env["LISTEN_PID"] !== String(pid)) return [];
  const given = env["LISTEN_FDNAMES"]?.split(":") ?? [];
  return Array.from({ length: count }, (_, index) => ({ fd: firstPassedFd + index, name: given[index] || "unknown" }));
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

interface Message {
  readonly bytes: Buffer;
  readonly fds: readonly number[];
  readonly onSent: () => void;
}

/** systemd is behind with its reading: how long until the next try, and how much is kept until then. */
const retryMs = 20;
const mostWaiting = 1000;

/**
 * Tells systemd, message after message, without ever waiting for it. What it does not take at once is told a little later,
 * in the same order; if nobody listens, nothing happens.
 */
export class Notifier {
  readonly #fd = openDatagramSocket();
  readonly #address: Buffer;
  readonly #waiting: Message[] = [];
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(socket: string) {
    this.#address = unixAddress(socket.replace(/^@/, "\0"));
  }

  /** One message of such lines as `READY=1`. `onSent`: the descriptors have gone out with it, or never will. */
  tell(lines: readonly string[], fds: readonly number[] = [], onSent: () => void = () => {}): void {
    if (this.#isClosed) {
      onSent();
      return;
    }
    if (this.#waiting.length >= mostWaiting) this.#waiting.shift()?.onSent();
    this.#waiting.push({ bytes: Buffer.from(`${lines.join("\n")}\n`), fds, onSent });
    if (this.#retry === undefined) this.#flush();
  }

  /** Resolves when systemd has worked off all that was told before, or when that takes too long: then with false. */
  async barrier(timeoutMs: number): Promise<boolean> {
    if (this.#isClosed) return false;
    const { readFd, writeFd } = openPipe();
    this.tell(["BARRIER=1"], [writeFd], () => closeSync(writeFd));
    return new Promise((resolve) => {
      let isReached = true;
      // systemd closes its copy when it comes to this message, and ours is closed by then.
      const pipe = readPipe(
        readFd,
        () => {},
        () => {
          clearTimeout(late);
          resolve(isReached);
        },
      );
      const late = setTimeout(() => {
        isReached = false;
        pipe.close();
      }, timeoutMs);
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#retry);
    for (const { onSent } of this.#waiting.splice(0)) onSent();
    closeSync(this.#fd);
  }

  #flush(): void {
    this.#retry = undefined;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#send(next)) {
        this.#retry = setTimeout(() => this.#flush(), retryMs);
        return;
      }
      this.#waiting.shift();
      next.onSent();
    }
  }

  /** False: there is no room for it now. */
  #send({ bytes, fds }: Message): boolean {
    try {
      if (fds.length === 0) sendDatagram(this.#fd, this.#address, bytes);
      else sendDescriptors(this.#fd, this.#address, bytes, fds);
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      // ETOOMANYREFS: descriptors that are under way count against RLIMIT_NOFILE until they arrive.
      return error.errno !== "EAGAIN" && error.errno !== "ETOOMANYREFS" && error.errno !== "ENOBUFS";
    }
    return true;
  }
}
