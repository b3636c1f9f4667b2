/** Whom `fcgi-pm request` asks: the address that is named, or that of an app, from its manager or from the config. */

import { parsePort } from "../config/address.ts";
import type { App, External } from "../config/app.ts";
import { managerOf } from "../control/find.ts";
import { FcgiPmError } from "../errors.ts";
import type { Address } from "../fastcgi/address.ts";
import type { Status } from "../observe/status.ts";
import { findConfig, loadConfig } from "./context.ts";
import { find } from "./managers.ts";
import { type RequestWords, wrongUsage } from "./request-options.ts";

/** Where to connect, and the app that this is, where it is known. */
export interface Asked {
  readonly listen: Address;
  readonly app?: string;
}

export async function findAsked(words: RequestWords): Promise<Asked> {
  const { socket, port, app, config } = words;
  const named = [socket, port, app].filter((one) => one !== undefined);
  if (named.length > 1) throw wrongUsage("Give one of --socket, --port and --app");
  if (socket !== undefined) return { listen: { kind: "unix", path: socket } };
  if (port !== undefined) return { listen: parseAddress(port) };
  if (config !== undefined) return fromConfig(config, app);
  return (await fromManagers(app, words.control)) ?? fromUsualConfig(app);
}

/** A name is looked up when we connect; everything else is as for `start`. */
function parseAddress(text: string): Address {
  const [, host = "", digits = ""] = /^([a-z][a-z0-9.-]*):(\d{1,5})$/i.exec(text) ?? [];
  if (host !== "" && Number(digits) >= 1 && Number(digits) <= 65_535)
    return { kind: "tcp", host, port: Number(digits) };
  const address = parsePort(text);
  if (typeof address === "string") throw wrongUsage(`--port: ${address}, got "${text}"`, "--port 127.0.0.1:9000");
  return { kind: "tcp", ...address };
}

/** Undefined: no manager runs. Throws where that is not the reason why there is none. */
async function fromManagers(app: string | undefined, control: string | undefined): Promise<Asked | undefined> {
  const found = await find(control);
  if (found.managers.length === 0 && found.failed.length === 0) return undefined;
  if (app !== undefined) return ofStatus(addressesIn(managerOf(app, found).status), app);
  const [unasked] = found.failed;
  if (found.managers.length === 0 && unasked !== undefined) throw unasked.error;
  const apps = found.managers.flatMap(({ status }) => status.apps.filter(({ address }) => address !== null));
  return ofStatus(apps, theOnly(apps.map((one) => one.app)));
}

/** Those that the manager only knows of, too. */
function addressesIn({ apps, externals = [] }: Status): Listening[] {
  return [...apps, ...externals];
}

interface Listening {
  readonly app: string;
  readonly address: string | null;
}

function ofStatus(apps: readonly Listening[], app: string): Asked {
  const address = apps.find((one) => one.app === app)?.address ?? null;
  if (address === null) throw withoutListener(app);
  return { app, listen: readAddress(address) };
}

/** A status has paths, which are absolute, and host:port. */
function readAddress(text: string): Address {
  return text.startsWith("/") ? { kind: "unix", path: text } : parseAddress(text);
}

async function fromUsualConfig(app: string | undefined): Promise<Asked> {
  return fromConfig(findUsualConfig(), app);
}

function findUsualConfig(): string {
  try {
    return findConfig(undefined);
  } catch (cause) {
    const message = "Nobody to ask: no address is named, no manager is running, and there is no fcgi-pm.toml";
    const remedy = "name an address: --socket PATH or --port PORT";
    throw new FcgiPmError("FCGI_PM_MANAGER_MISSING", message, { remedy, cause });
  }
}

async function fromConfig(path: string, wanted: string | undefined): Promise<Asked> {
  const { apps, externals } = await loadConfig(path);
  const all: readonly (App | External)[] = [...apps, ...externals];
  const listening = all.filter(({ listen }) => listen.kind !== "none");
  const name = wanted ?? theOnly(listening.map((app) => app.name));
  const app = all.find((one) => one.name === name);
  if (app === undefined) {
    const known = all.map((one) => one.name).join(", ");
    throw new FcgiPmError("FCGI_PM_APP_UNKNOWN", `There is no app "${name}" in ${path}, only ${known}`);
  }
  return ofConfig(app);
}

function ofConfig({ name, listen }: App | External): Asked {
  if (listen.kind === "none") throw withoutListener(name);
  return { app: name, listen };
}

function theOnly(names: readonly string[]): string {
  const [name, ...others] = names;
  if (name === undefined) throw wrongUsage("No app has a listener", "name an address: --socket PATH or --port PORT");
  if (others.length === 0) return name;
  throw wrongUsage(`Several apps could be asked: ${names.join(", ")}`, `--app ${name}`);
}

function withoutListener(app: string): FcgiPmError {
  return wrongUsage(`Cannot ask ${app}: it has no listener`, "ask another app, or name an address: --socket PATH");
}
