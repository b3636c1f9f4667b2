/**
 * The listening socket on fd 0 (FastCGI 1.0, 2.2), which we share with our siblings.
 *
 * Its O_NONBLOCK flag belongs to the open file description, and so to all of us. libuv sets it. Node remembers the flags that fds
 * 0, 1 and 2 had when it started, and puts them back when it exits, also from the signal handlers it has for SIGTERM and SIGINT
 * (ResetStdio in node.cc). A worker that was started on a blocking listener would so clear the flag under all its siblings, whose
 * event loops then stand still in accept4. Node leaves an fd alone that is closed: therefore fd 0 is closed on exit.
 */
import { closeSync } from "node:fs";
import { basename } from "node:path";
import { FastCgiError } from "./errors.ts";

/** FCGI_LISTENSOCK_FILENO (2.2, 8). */
export const listenerFd = 0;

/** The signals by which managers and people end a worker. Without a handler of ours SIGUSR1 would open Node's inspector. */
const stopSignals = ["SIGTERM", "SIGINT", "SIGUSR1"] as const;

/**
 * Tells other copies of this library in the same process, such as that of the Node runner, that the inherited listener is taken.
 * Returns how to undo that.
 */
export function markListenerTaken(): () => void {
  const mark = Symbol.for("fcgi-pm.serving");
  const everywhere = globalThis as Record<symbol, unknown>;
  everywhere[mark] = true;
  return () => void delete everywhere[mark];
}

/** Keeps our exit from changing the listener's flags. Returns how to undo that. */
export function closeListenerOnExit(): () => void {
  const close = () => {
    try {
      closeSync(listenerFd);
    } catch {
      // It is closed already, and that is what we want.
    }
  };
  process.on("exit", close);
  return () => process.off("exit", close);
}

/** What has to end before the process does. */
const stops = new Set<() => Promise<void>>();
let isStopping = false;

/**
 * On a stop signal: stops, and exits with 0 when all who asked for it have stopped. A manager may repeat its signal (it can get lost in
 * other programs); that changes nothing. Node's own handlers would exit at once, lose the requests in flight, and clear the listener's
 * flag. Returns how to undo.
 */
export function stopOnSignals(stop: () => Promise<void>): () => void {
  if (stops.size === 0) for (const signal of stopSignals) process.on(signal, onStopSignal);
  stops.add(stop);
  return () => {
    stops.delete(stop);
    if (stops.size === 0 && !isStopping) for (const signal of stopSignals) process.off(signal, onStopSignal);
  };
}

function onStopSignal(): void {
  if (isStopping) return;
  isStopping = true;
  void Promise.allSettled(Array.from(stops, (stop) => stop())).finally(() => process.exit(0));
}

/** What was looked for, why it does not do, and how the program is meant to be started. */
export function explainMissingListener(fd: number, cause: NodeJS.ErrnoException): FastCgiError {
  const file = basename(process.argv[1] ?? "app.js");
  const why = cause.code ?? cause.message;
  const message =
    fd === listenerFd
      ? `Cannot serve: standard input (fd ${fd}) is not a listening socket (${why}), LISTEN_FDS hands none over, and the code ` +
        "names no path or port. "
      : `Cannot serve: fd ${fd}, which LISTEN_FDS hands over, is not a listening socket (${why}). `;
  const remedy =
    `A FastCGI program is started by its process manager: fcgi-pm start ${file}. ` +
    "By hand it needs a socket of its own: { port: 9000 } among the options";
  return new FastCgiError("FCGI_LISTENER_MISSING", message + remedy, { errno: cause.code, cause });
}
