/** FCGI_WEB_SERVER_ADDRS (FastCGI 1.0, 3.2): which web servers may connect over TCP. Pure. */

/** `"10.0.0.1, ::1"` to a set of addresses; undefined if the variable is not set or empty: then everybody may. */
export function readWebServerAddresses(text: string | undefined): ReadonlySet<string> | undefined {
  const addresses = (text ?? "").split(",").map(normalize).filter(Boolean);
  return addresses.length === 0 ? undefined : new Set(addresses);
}

/** True if this peer may be served. One whose address cannot be told may not, if there is a list. */
export function isWebServer(allowed: ReadonlySet<string> | undefined, address: string | undefined): boolean {
  if (allowed === undefined) return true;
  return address !== undefined && allowed.has(normalize(address));
}

/** A listener on `::` sees 10.0.0.1 as ::ffff:10.0.0.1. */
function normalize(address: string): string {
  return address
    .trim()
    .toLowerCase()
    .replace(/^::ffff:(?=\d+\.)/, "");
}
