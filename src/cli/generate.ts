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
    const { generateWeb } = await import("./generate-web.ts");
    return generateWeb(kind, app, options);
  }
  if (isOneOf(serviceKinds, kind)) {
    const { generateService } = await import("./generate-service.ts");
    return generateService(kind, app, options);
  }
  const kinds = [...webKinds, ...serviceKinds].join(", ");
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot generate "${kind}": there is ${kinds}`, {
    remedy: "fcgi-pm generate --help",
  });
}

function isOneOf<T extends string>(kinds: readonly T[], kind: string): kind is T {
  return (kinds as readonly string[]).includes(kind);
}
