/** Traps that the law cannot see, told once each with what to do about them. */
import type { Listener } from "../os/listener.ts";
import { isNonBlocking } from "../os/procfs.ts";
import type { ShellNotice } from "./notices.ts";

export class Remarks {
  readonly #listener: Listener | undefined;
  readonly #said = new Set<ShellNotice["type"]>();

  constructor(listener: Listener | undefined) {
    this.#listener = listener;
  }

  /** A worker that does not come to wait on our listener may have bound the path for itself. */
  onNowhere(pid: number): ShellNotice | undefined {
    const listener = this.#listener;
    if (listener === undefined || this.#said.has("listener.taken") || listener.isOurs()) return undefined;
    const remedy =
      `The program (process ${pid}) opens this socket itself: let it take its listener from fd 0 ` +
      "(flup: WSGIServer(app).run() without bindAddress), or give it another path";
    return this.#once({ type: "listener.taken", address: listener.address, remedy });
  }

  /** libfcgi, PHP and what is built on them take EAGAIN from accept for the end and exit with 0, without a word. */
  onFailure(): ShellNotice | undefined {
    const listener = this.#listener;
    if (listener === undefined || this.#said.has("listener.non-blocking") || !isNonBlocking(listener.fd))
      return undefined;
    const remedy =
      "Some program set O_NONBLOCK on fd 0; programs that do so and programs built on libfcgi cannot share a socket. " +
      "The flag stays until fcgi-pm is started anew";
    return this.#once({ type: "listener.non-blocking", remedy });
  }

  #once(notice: ShellNotice): ShellNotice {
    this.#said.add(notice.type);
    return notice;
  }
}
