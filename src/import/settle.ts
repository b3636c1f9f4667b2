/** What no two apps may share, and what an external app may not have, sorted out when all drafts are there. */
import type { Draft } from "./draft.ts";
import { remark } from "./draft.ts";
import { isAbsolute } from "./paths.ts";

/** Apps that cannot stand beside the others stand as comments; nothing else is lost. */
export function settleApps(apps: readonly Draft[]): void {
  for (const app of apps) if (app.settings.get("external") === true) settleExternal(app);
  for (const app of apps) settleIncomplete(app);
  settleListeners(apps);
  settleOutputFiles(apps);
}

/** An external app has its address, and nothing of what fcgi-pm would start. */
function settleExternal(app: Draft): void {
  for (const key of [...app.settings.keys()]) {
    if (["external", "socket", "port"].includes(key)) continue;
    app.settings.delete(key);
    remark(app.remarks, "lost", app, `${key} belongs to whoever starts it`);
  }
}

/** What cannot run yet is no reason why the others should not. */
function settleIncomplete(app: Draft): void {
  if (app.settings.get("socket") === "") app.settings.delete("socket");
  for (const key of ["socket", "cwd"]) {
    const path = app.settings.get(key);
    if (typeof path === "string" && !isAbsolute(path))
      remark(app.remarks, "changed", app, `${key}: a relative path starts at the config here, write the whole one`);
  }
  const isExternal = app.settings.get("external") === true;
  const needs = isExternal ? ["socket", "port"] : ["command"];
  if (needs.some((key) => app.settings.has(key))) return;
  app.isDormant = true;
  remark(
    app.remarks,
    "lost",
    app,
    `nobody says its ${needs.join(" or ")}: it stands here as a comment until that is written`,
  );
}

/** Two apps never share a listener: the second one with the same address stands as a comment. */
function settleListeners(apps: readonly Draft[]): void {
  const placed: Draft[] = [];
  for (const app of apps) {
    if (app.isDormant) continue;
    const other = placed.find((one) => sharesListener(one, app));
    if (other === undefined) placed.push(app);
    else {
      app.isDormant = true;
      const why = `it listens where "${other.name}" does: an address has one app, so this one stands here as a comment`;
      remark(app.remarks, "lost", app, why);
    }
  }
}

function sharesListener(one: Draft, other: Draft): boolean {
  const path = one.settings.get("socket");
  if (path !== undefined) return path === other.settings.get("socket");
  const [first, second] = [addressOf(one), addressOf(other)];
  if (first === undefined || second === undefined || first.port !== second.port) return false;
  const hosts = [first.host, second.host];
  return first.host === second.host || hosts.includes("0.0.0.0") || hosts.includes("[::]");
}

function addressOf(app: Draft): { host: string; port: string } | undefined {
  const port = app.settings.get("port");
  if (typeof port !== "string") return undefined;
  const at = port.lastIndexOf(":");
  return { host: port.slice(0, at), port: port.slice(at + 1) };
}

/** Each app has an output file of its own. */
function settleOutputFiles(apps: readonly Draft[]): void {
  const taken = new Set<unknown>();
  for (const app of apps.filter(({ isDormant }) => !isDormant)) {
    const file = app.settings.get("output-file");
    if (typeof file !== "string" || !taken.has(file)) {
      taken.add(file);
      continue;
    }
    const own = ownFile(file, app.name);
    taken.add(own);
    app.settings.set("output-file", own);
    remark(app.remarks, "changed", app, `another app has the output-file ${file}: this one has its own`);
  }
}

/** `/var/log/app.log` becomes `/var/log/app-NAME.log`. */
function ownFile(file: string, name: string): string {
  const match = /^(.*?)(\.[^./]*)?$/s.exec(file);
  return `${match?.[1] ?? file}-${name}${match?.[2] ?? ""}`;
}
