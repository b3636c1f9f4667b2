/** The listening socket at work: connections come out of it, as long as there is room for them. */
import { readFileSync } from "node:fs";
import { createServer, type ListenOptions, type Server as NetServer, type Socket } from "node:net";
import type { Address } from "./address.ts";
import { listenerFd } from "./inherited-listener.ts";
import { removeLeftSocket } from "./left-socket.ts";

/** What a connection may hold of answers that were written and not taken. */
const socketBufferBytes = 131_072;

/** So many descriptors are left to the handlers. */
const reservedFds = 16;

/** A dead machine at the other end of a kept connection is found out by the kernel. */
const keepAliveMs = 60_000;

export interface ListenerHost {
  readonly maxConnections: number;
  accepted(socket: Socket): void;
  /** What accept() reports is the fault of one connection, or of a machine that is out of descriptors for a moment. */
  failed(cause: Error): void;
}

/**
 * When there is no room, or the process is about to run out of descriptors, a listener on fd 0 takes no more: what comes then waits
 * in the kernel's queue, and a sibling may take it. This works since libuv does not close fd 0. Any other listener would be lost, so
 * there connections over the limit are closed at once. (At EMFILE libuv itself takes connections and closes them, and tells nobody.)
 */
export class Listener {
  readonly #options: ListenOptions;
  readonly #host: ListenerHost;
  readonly #canPause: boolean;
  readonly #highestFd = readFdLimit() - reservedFds;
  #net: NetServer;
  #connections = 0;
  #isTcp = false;
  #isPaused = false;
  #isClosed = false;
  #whenClosed: (() => void)[] = [];

  constructor(options: ListenOptions, host: ListenerHost) {
    this.#options = options;
    this.#host = host;
    this.#canPause = (options as { fd?: number }).fd === listenerFd;
    this.#net = this.#newServer();
  }

  /** Where it listens; undefined for an inherited Unix socket. */
  get address(): Address | undefined {
    const address = this.#net.address();
    if (address === null) return undefined;
    if (typeof address === "string") return { kind: "unix", path: address };
    return { kind: "tcp", host: address.address, port: address.port };
  }

  get isTcp(): boolean {
    return this.#isTcp;
  }

  /** Rejects with the system's error. A socket that nobody listens on any more does not keep its path. */
  async open(): Promise<void> {
    try {
      await this.#listen();
    } catch (cause) {
      const { path } = this.#options;
      const isTaken = (cause as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (!isTaken || path === undefined || !(await removeLeftSocket(path))) throw cause;
      this.#net = this.#newServer();
      await this.#listen();
    }
  }

  #listen(): Promise<void> {
    const net = this.#net;
    return new Promise((resolve, reject) => {
      net.once("error", reject);
      net.listen(this.#options, () => {
        net.off("error", reject);
        net.on("error", (cause) => this.#host.failed(cause));
        this.#isTcp = this.address?.kind === "tcp";
        resolve();
      });
    });
  }

  /** Takes no more. Resolves when the last connection has ended. */
  close(): Promise<void> {
    this.#isClosed = true;
    if (!this.#isPaused) this.#net.close();
    return new Promise((resolve) => {
      this.#whenClosed.push(resolve);
      this.#tellIfClosed();
    });
  }

  #newServer(): NetServer {
    const options = {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
      highWaterMark: socketBufferBytes,
    };
    const net = createServer(options, (socket) => this.#accept(socket));
    if (!this.#canPause) net.maxConnections = this.#host.maxConnections;
    return net;
  }

  #accept(socket: Socket): void {
    this.#connections += 1;
    socket.once("close", () => this.#released());
    if (this.#canPause && !this.#isPaused && this.#isFull(socket)) this.#pause();
    this.#host.accepted(socket);
  }

  /** A new descriptor gets the lowest number that is free: it tells how many are in use. */
  #isFull(socket: Socket): boolean {
    const { _handle: handle } = socket as { _handle?: { fd?: number } };
    return this.#connections >= this.#host.maxConnections || (handle?.fd ?? 0) >= this.#highestFd;
  }

  #pause(): void {
    this.#isPaused = true;
    this.#net.close();
  }

  #released(): void {
    this.#connections -= 1;
    if (this.#isPaused && !this.#isClosed) this.#resume();
    this.#tellIfClosed();
  }

  #resume(): void {
    this.#isPaused = false;
    this.#net = this.#newServer();
    this.open().catch((cause: Error) => this.#host.failed(cause));
  }

  #tellIfClosed(): void {
    if (!this.#isClosed || this.#connections > 0) return;
    for (const tell of this.#whenClosed.splice(0)) tell();
  }
}

/** How many descriptors this process may have. Node has raised it as far as it could. */
function readFdLimit(): number {
  try {
    const [, soft = ""] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return Number(soft) || Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
