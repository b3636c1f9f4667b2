/** A listener for trials: of the same kind as the app's, at a place that nobody else knows or may enter. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FcgiPmError } from "../errors.ts";
import type { Address } from "../fastcgi/address.ts";
import type { Plan } from "../manager/plan.ts";
import { bindTcp, bindUnix, type Listener } from "../os/listener.ts";

export interface PrivateListener {
  readonly listener: Listener;
  readonly address: Address;
  /** Closes it and removes what was made for it. */
  close(): void;
}

/** A port where the app has a port: programs treat the two kinds of client differently (FCGI_WEB_SERVER_ADDRS). */
export function openPrivateListener(plan: Plan): Promise<PrivateListener> {
  return plan.app.listen.kind === "tcp" ? openPort(plan) : Promise.resolve(openPath(plan));
}

/**
 * The directory is ours, so that nobody exchanges anything in it under our hands; who may connect, the socket itself says.
 * The app's user may pass, for programs that look at the name of their socket.
 */
function openPath(plan: Plan): PrivateListener {
  const directory = makeDirectory(shortEnough(tmpdir()));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    chmodSync(directory, 0o711);
    const { uid, gid, setpriv } = plan.identity;
    const path = join(directory, "app.sock");
    const owner = setpriv === undefined ? {} : { uid, gid };
    const listener = bindUnix(path, { backlog: plan.app.listenQueueDepth, mode: 0o600, ...owner });
    const close = () => {
      listener.release();
      remove();
    };
    return { listener, address: { kind: "unix", path }, close };
  } catch (error) {
    remove();
    throw error;
  }
}

function makeDirectory(parent: string): string {
  try {
    return mkdtempSync(join(parent, "fcgi-pm-doctor-"));
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    throw new FcgiPmError("FCGI_PM_SYSTEM_CALL_FAILED", `Cannot try the program: no directory in ${parent} (${why})`, {
      remedy: "name another directory for temporary files: TMPDIR=/var/tmp fcgi-pm doctor …",
    });
  }
}

/** A socket's path has room for 107 bytes. */
function shortEnough(directory: string): string {
  return Buffer.byteLength(directory) > 70 ? "/tmp" : directory;
}

/** The port is free when it is asked for; whoever takes it in that moment is told as any taken port. */
async function openPort(plan: Plan): Promise<PrivateListener> {
  const host = "127.0.0.1";
  const port = await freePort(host);
  const listener = bindTcp(host, port, plan.app.listenQueueDepth);
  return { listener, address: { kind: "tcp", host, port }, close: () => listener.release() };
}

function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, host, () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
