/** The second half of a check: what has the right shape is parsed; undefined is a complaint. */

import { parseSize } from "../units.ts";
import type { Address } from "./address.ts";
import { parsePort, parseRemotePort } from "./address.ts";
import type { Owner } from "./app.ts";
import { splitWords } from "./words.ts";

export function parseCommand(value: string | string[]): [string, ...string[]] | undefined {
  const [program, ...rest] = typeof value === "string" ? (splitWords(value) ?? []) : value;
  return program === undefined || program === "" ? undefined : [program, ...rest];
}

export function parseAddress(value: number | string): Address | undefined {
  const address = parsePort(String(value));
  return typeof address === "string" ? undefined : address;
}

export function parseRemoteAddress(value: number | string): Address | undefined {
  const address = parseRemotePort(String(value));
  return typeof address === "string" ? undefined : address;
}

export function parseOwner(text: string): Owner {
  const [user, group] = text.split(":");
  return { ...(user ? { user } : {}), ...(group ? { group } : {}) };
}

export function parseLimit(value: number | string): number | "unlimited" | undefined {
  if (typeof value === "number") return value;
  return value === "unlimited" ? value : parseSize(value);
}
