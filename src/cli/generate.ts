/** `fcgi-pm generate`: text for other programs, on standard output. */
import { FcgiPmError } from "../errors.ts";
import { webKinds } from "../generate/web-site.ts";
import type { ServiceOptions } from "./generate-service.ts";
import type { WebOptions } from "./generate-web.ts";

const serviceKinds = ["systemd", "sysv", "logrotate"] as const;

/** Gives the exit status. */
export async function generate(
  kind: string,
  app: string | undefined,
  options: WebOptions & ServiceOptions,
): Promise<number> {
  if (isOneOf(webKinds, kind)) {
    refuseForeign(kind, options, ofSystemd, "systemd");
    const { generateWeb } = await import("./generate-web.ts");
    return generateWeb(kind, app, options);
  }
  if (isOneOf(serviceKinds, kind)) {
    refuseForeign(kind, options, ofWebServers, "web servers");
    const { generateService } = await import("./generate-service.ts");
    return generateService(kind, app, options);
  }
  const kinds = [...webKinds, ...serviceKinds].join(", ");
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot generate "${kind}": there is ${kinds}`, {
    remedy: "fcgi-pm generate --help",
  });
}

const ofWebServers = ["control", "at", "static", "server-name", "listen", "root", "index"];
const ofSystemd = ["socket-unit", "notify-reload", "template", "user", "output"];

/** An option that would change nothing is a mistake. */
function refuseForeign(kind: string, options: object, flags: readonly string[], whose: string): void {
  const given = Object.keys(options).map((key) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
  const flag = flags.find((one) => given.includes(one));
  if (flag === undefined) return;
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot generate ${kind} with --${flag}: it is for ${whose}`, {
    remedy: "leave it out",
  });
}

function isOneOf<T extends string>(kinds: readonly T[], kind: string): kind is T {
  return (kinds as readonly string[]).includes(kind);
}
