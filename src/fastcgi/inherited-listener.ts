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

/**
 * On a stop signal: stops, then exits with 0. A manager may repeat its signal (it can get lost in other programs); that changes
 * nothing. Node's own handlers would exit at once, lose the requests in flight, and clear the listener's flag. Returns how to undo.
 */
export function stopOnSignals(stop: () => Promise<void>): () => void {
  let isStopping = false;
  const onSignal = () => {
    if (isStopping) return;
    isStopping = true;
    void stop().finally(() => process.exit(0));
  };
  for (const signal of stopSignals) process.on(signal, onSignal);
  return () => {
    for (const signal of stopSignals) process.off(signal, onSignal);
  };
}

/** Why fd 0 does not do, and how the program is meant to be started. */
export function explainMissingListener(cause: NodeJS.ErrnoException): FastCgiError {
  const file = basename(process.argv[1] ?? "app.js");
  const message =
    `Cannot serve: standard input (fd ${listenerFd}) is not a listening socket (${cause.code ?? cause.message}). ` +
    `A FastCGI program is started by its process manager: fcgi-pm start ${file}`;
  return new FastCgiError("FCGI_LISTENER_MISSING", message, { errno: cause.code, cause });
}
