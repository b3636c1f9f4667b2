/** Rules that look at more than one key, or at more than one app. */
import { formatDuration } from "../units.ts";
import { isSameAddress, takesLocally } from "./address.ts";
import type { Listen } from "./app.ts";
import type { AppValues } from "./app-values.ts";
import { layValues } from "./app-values.ts";
import type { AppKeyName } from "./keys.ts";
import { appKeys } from "./keys.ts";

type Report = (key: AppKeyName, message: string) => void;

/** What only an app with a listener has. */
export const ofListener = [
  "socket",
  "port",
  "socket-mode",
  "socket-owner",
  "listen-queue-depth",
  "allowed-clients",
] as const;
/** What only an app on a Unix socket has. */
export const ofSocket = ["socket-mode", "socket-owner"] as const;

/** What only an app with an output file has. */
export const ofOutputFile = ["output-max-size", "output-max-age", "output-keep"] as const;

/** What only a WSGI application has. */
export const ofWsgi = ["python", "threads", "script-name", "lighttpd-root-fix"] as const;

/** An app is a program or a WSGI application. `has` tells what the app itself names, right or wrong. */
export function checkProgram(has: (key: AppKeyName) => boolean, listens: boolean, report: Report): void {
  if (has("wsgi")) {
    if (has("command")) report("wsgi", "cannot stand together with command: an app has the one or the other");
    if (!listens) report("wsgi", "has no meaning with listen = false: requests come from the listener");
    return;
  }
  for (const key of ofWsgi.filter(has)) report(key, "has no meaning without wsgi: only WSGI applications have it");
}

/** Keys of one app that exclude each other. `has` tells what the app itself names, right or wrong; [defaults] may name more than fits. */
export function checkListener(has: (key: AppKeyName) => boolean, listens: boolean, report: Report): void {
  if (!listens) {
    for (const key of ofListener.filter(has))
      report(key, "has no meaning with listen = false: the app has no listener");
    return;
  }
  if (has("port") && has("socket")) report("port", "cannot stand together with socket: an app has one listener");
  if (has("port")) {
    for (const key of ofSocket.filter(has))
      report(key, "has no meaning with port: only a Unix socket has a mode and an owner");
  } else if (has("allowed-clients")) {
    report(
      "allowed-clients",
      "only together with port; on a Unix socket socket-mode and socket-owner say who may connect",
    );
  }
}

/** Only a file is rotated. [defaults] may say how for those apps that have one. */
export function checkOutput(has: (key: AppKeyName) => boolean, report: Report): void {
  if (has("output-file")) return;
  for (const key of ofOutputFile.filter(has)) report(key, "has no meaning without output-file: only a file is rotated");
}

/** The first wait is not longer than the longest. Told where one of the two was written. */
export function checkDelays(own: AppValues, defaults: AppValues, report: Report): void {
  const written = (["restart-delay", "max-restart-delay"] as const).find((key) => own[key] !== undefined);
  if (written === undefined) return;
  const { "restart-delay": first, "max-restart-delay": longest } = layValues(own, defaults);
  if (first <= longest) return;
  report(
    written,
    `restart-delay (${formatDuration(first)}) is longer than max-restart-delay (${formatDuration(longest)})`,
  );
}

/** [defaults] holds what apps may share. */
export function checkDefaults(has: (key: AppKeyName) => boolean, report: Report): void {
  const own = Object.entries(appKeys).filter(([, key]) => "own" in key) as [AppKeyName, unknown][];
  for (const [key] of own.filter(([name]) => has(name)))
    report(key, "cannot stand in [defaults]: each app has its own");
}

/** Do the two want the same listener? */
export function isSameListener(one: Listen, other: Listen): boolean {
  if (one.kind === "unix" && other.kind === "unix") return one.path === other.path;
  return one.kind === "tcp" && other.kind === "tcp" && isSameAddress(one, other);
}

/** Does whoever connects to `named`, on this machine, reach what listens on `listener`? */
export function reaches(listener: Listen, named: Listen): boolean {
  if (listener.kind === "unix" && named.kind === "unix") return listener.path === named.path;
  return listener.kind === "tcp" && named.kind === "tcp" && takesLocally(listener, named);
}
