/** Where an app listens, in the words of other programs, to the keys socket and port. */
import type { Draft, Given } from "./draft.ts";
import { remark } from "./draft.ts";
import { readInteger } from "./rules.ts";

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

function isIp(host: string): boolean {
  return ipv4.test(host) || (/^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(host) && URL.canParse(`http://[${host}]/`));
}

/** Sets the Unix socket; a TCP port that was there is gone. */
export function setSocket(draft: Draft, path: string): void {
  draft.settings.delete("port");
  draft.settings.set("socket", path);
}

/**
 * Sets the TCP port. An app of ours listens on an address, never on a name; an external one is asked for by either.
 * `everywhere` are the words for all addresses of IPv4.
 */
export function setPort(draft: Draft, given: Given, host: string, port: string): void {
  const number = readInteger(port, 1, 65_535);
  if (number === undefined) {
    remark(draft.remarks, "lost", given, `"${port}" is no port: set port by hand`);
    return;
  }
  draft.settings.delete("socket");
  draft.settings.set("port", `${hostText(draft, given, host)}:${number}`);
}

function hostText(draft: Draft, given: Given, host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  if (bare === "" || bare === "*") return "0.0.0.0";
  if (isIp(bare)) return bare.includes(":") ? `[${bare}]` : bare;
  if (bare === "localhost") return "127.0.0.1";
  if (draft.settings.get("external") === true) return bare;
  remark(
    draft.remarks,
    "changed",
    given,
    `port takes an IP address: 127.0.0.1 stands for "${bare}", write its address if others have to get there`,
  );
  return "127.0.0.1";
}

/** The two that have a meaning for Unix sockets only are told, where the app listens on TCP. */
export function dropSocketOnly(draft: Draft, given: Given): void {
  if (!draft.settings.has("port")) return;
  for (const key of ["socket-mode", "socket-owner"]) {
    if (draft.settings.delete(key))
      remark(
        draft.remarks,
        "lost",
        given,
        `${key} has no meaning with port: only a Unix socket has a mode and an owner`,
      );
  }
}

/** `owner` and `group`, each of which may be missing, as socket-owner has them. */
export function setSocketOwner(draft: Draft, owner: string | undefined, group: string | undefined): void {
  const text = `${owner ?? ""}${group ? `:${group}` : ""}`;
  if (text === "") return;
  if (/^(?:[^\s:]+(?::[^\s:]+)?|:[^\s:]+)$/.test(text)) draft.settings.set("socket-owner", text);
  else remark(draft.remarks, "lost", draft, `socket-owner takes user, user:group or :group, not "${text}"`);
}
