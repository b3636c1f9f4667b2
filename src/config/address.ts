/** IP addresses and ports, as text and canonical. Without `node:net`: this room imports nothing of Node. */

export interface Address {
  readonly host: string;
  readonly port: number;
}

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/** An IPv4 or IPv6 address in its one canonical form; undefined for anything else. IPv6 goes through the rules of URL (RFC 5952). */
export function parseIp(text: string): string | undefined {
  if (ipv4.test(text)) return text;
  if (!/^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(text) || !URL.canParse(`http://[${text}]/`)) return undefined;
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

/** `"9000"`, `"127.0.0.1:9000"`, `"[::1]:9000"`, `"localhost:9000"`, `"*:9000"`; a string says what is wrong. */
export function parsePort(text: string): Address | string {
  const match = /^(?:(?<host>.*):)?(?<port>\d{1,5})$/s.exec(text);
  const port = Number(match?.groups?.["port"]);
  if (!(port >= 1 && port <= 65_535)) return `expected a port from 1 to 65535, such as 9000 or "127.0.0.1:9000"`;
  const host = parseHost(match?.groups?.["host"] ?? "127.0.0.1");
  return typeof host === "string" ? { host, port } : host.wrong(port);
}

/** Where somebody else listens: as above, or with the name of a host; `"*"` is no place to connect to. */
export function parseRemotePort(text: string): Address | string {
  const named = /^(?<host>[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?):(?<port>\d{1,5})$/i.exec(text)?.groups;
  const [host = "", port] = [named?.["host"], Number(named?.["port"])];
  const isName = /[a-z]/i.test(host) && host !== "localhost" && port >= 1 && port <= 65_535;
  const address = isName ? { host, port } : parsePort(text);
  if (typeof address === "string") return address.replace("an IP address", "an IP address or the name of a host");
  if (address.host !== "0.0.0.0" && address.host !== "::") return address;
  return `expected the address at which it can be reached, such as "127.0.0.1:${address.port}"`;
}

function parseHost(text: string): string | { wrong(port: number): string } {
  if (text === "localhost") return "127.0.0.1";
  if (text === "*") return "0.0.0.0";
  const bracketed = /^\[(.*)\]$/s.exec(text)?.[1];
  const host = parseIp(bracketed ?? text);
  if (host !== undefined && host.includes(":") === (bracketed !== undefined)) return host;
  if (host?.includes(":") === true)
    return { wrong: (port) => `write an IPv6 address in brackets: "[${text}]:${port}"` };
  return { wrong: (port) => `expected an IP address before the port, such as "127.0.0.1:${port}" or "[::1]:${port}"` };
}

/** Do two listeners take the same address? An unspecified address takes all; `[::]` takes those of IPv4, too. */
export function isSameAddress(one: Address, other: Address): boolean {
  if (one.port !== other.port) return false;
  return one.host === other.host || covers(one.host, other.host) || covers(other.host, one.host);
}

/** Does a listener take connections to this address? One on every address of this machine is known to take those to the machine itself. */
export function takesLocally(listener: Address, named: Address): boolean {
  if (listener.port !== named.port) return false;
  if (listener.host === named.host) return true;
  return /^127\.|^::1$/.test(named.host) && covers(listener.host, named.host);
}

function covers(host: string, other: string): boolean {
  return host === "::" || (host === "0.0.0.0" && !other.includes(":"));
}
