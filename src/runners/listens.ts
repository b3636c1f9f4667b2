/** Which servers of this process listen, or try to: an application that fcgi-pm serves must not. */
import { subscribe } from "node:diagnostics_channel";
import type { Server } from "node:net";
import type { NodeApplication } from "./application.ts";

/** One call of `server.listen`. */
interface Listen {
  readonly server: Server;
  readonly options: { readonly fd?: number; readonly port?: number | string; readonly path?: string };
}

const listens: Listen[] = [];

/** From now on they are noted. A Node that knows no such channel tells nothing. */
export function watchListens(): void {
  subscribe("tracing:net.server.listen:asyncStart", (message) => void listens.push(message as Listen));
}

/** Does something in this process take the requests already: our own library, in whatever copy, or another one? */
export function isServing(listenerFd: number): boolean {
  const own = (globalThis as Record<symbol, unknown>)[Symbol.for("fcgi-pm.serving")];
  return Boolean(own) || listens.some(({ options }) => options.fd === listenerFd);
}

/** Where a server of this application listens by itself, such as "port 3000"; undefined where none does. */
export function ownListener(application: NodeApplication): string | undefined {
  const isOwn = ({ server }: Listen) =>
    server === application.server || server.listeners("request").some((listener) => listener === application.origin);
  const found = listens.find(isOwn);
  if (found !== undefined) return describe(found.options);
  return application.server?.listening === true ? "an address of its own" : undefined;
}

/** Where the first server listens, such as "port 3000"; undefined where none does. */
export function anyListener(): string | undefined {
  const [first] = listens;
  return first && describe(first.options);
}

function describe({ port, path }: Listen["options"]): string {
  return path === undefined ? `port ${port}` : path;
}
