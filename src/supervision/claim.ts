/** Which app a socket is for that systemd has passed. */
import { FcgiPmError } from "../errors.ts";

export interface NamedSocket {
  /** FileDescriptorName= of its socket unit, or the unit's own name. */
  readonly name: string;
}

export interface Claims<S> {
  /** By the app's name. */
  readonly taken: ReadonlyMap<string, S>;
  /** For nobody. */
  readonly left: readonly S[];
}

/**
 * A socket whose name means an app is for that one, wherever it listens. Any other is for the app that wants to listen
 * where it does. Throws where two are for one app, or one is for an app without a listener.
 */
export function claim<S extends NamedSocket, A extends { readonly name: string }>(
  sockets: readonly S[],
  apps: readonly A[],
  how: { listens(app: A): boolean; isAt(socket: S, app: A): boolean },
): Claims<S> {
  const taken = new Map<string, S>();
  const left: S[] = [];
  for (const socket of sockets) {
    const named = apps.find((app) => means(socket.name, app.name));
    if (named !== undefined && !how.listens(named)) throw deaf(socket, named.name);
    const app = named ?? apps.find((one) => how.isAt(socket, one));
    const other = app === undefined ? undefined : taken.get(app.name);
    if (app !== undefined && other !== undefined) throw twice(app.name, other, socket);
    if (app === undefined) left.push(socket);
    else taken.set(app.name, socket);
  }
  return { taken, left };
}

/** `blog`, `fcgi-pm-blog`, and what systemd calls the socket of such a unit by itself: `blog.socket`, `fcgi-pm-blog.socket`. */
function means(name: string, app: string): boolean {
  return [app, `fcgi-pm-${app}`].some((one) => name === one || name === `${one}.socket`);
}

function twice(app: string, one: NamedSocket, other: NamedSocket): FcgiPmError {
  const names = one.name === other.name ? `both named "${one.name}"` : `"${one.name}" and "${other.name}"`;
  return new FcgiPmError(
    "FCGI_PM_PASSED_SOCKET_WRONG",
    `Cannot start ${app}: systemd passes two sockets for it, ${names}, and an app has one listener`,
  );
}

function deaf({ name }: NamedSocket, app: string): FcgiPmError {
  return new FcgiPmError(
    "FCGI_PM_PASSED_SOCKET_WRONG",
    `Cannot start ${app}: systemd passes a socket "${name}" for it, but the app has listen = false`,
    { remedy: `remove listen = false from ${app}, or its socket unit` },
  );
}
