/** `fcgi-pm generate systemd`, `sysv` and `logrotate`: fcgi-pm as a service of the machine, on standard output or as files. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { FcgiPmError } from "../errors.ts";
import { logrotateText } from "../generate/logrotate.ts";
import { systemdUnits, type UnitOptions } from "../generate/systemd.ts";
import { renderUnit, type Unit } from "../generate/systemd-unit.ts";
import { sysvScript } from "../generate/sysv.ts";
import { refuseOneOfSeveral, type ServiceWish, templateService, wishService } from "./service-wish.ts";
import { print, printLines } from "./terminal.ts";

export interface ServiceOptions extends UnitOptions {
  readonly config?: string;
  readonly template?: boolean;
  readonly user?: boolean;
  /** A directory for the units. */
  readonly output?: string;
}

/** Gives the exit status. */
export async function generateService(
  kind: "systemd" | "sysv" | "logrotate",
  app: string | undefined,
  options: ServiceOptions,
): Promise<number> {
  if (kind === "systemd") return generateSystemd(app, options);
  refuseUnitOptions(kind, options);
  const wish = await wishService(options);
  refuseOneOfSeveral(app, wish.config);
  await print(kind === "sysv" ? sysvOf(wish) : logrotateOf(wish));
  return 0;
}

function sysvOf({ service, config }: ServiceWish): string {
  return sysvScript(service, config.manager.logFile !== undefined);
}

function logrotateOf({ service, config }: ServiceWish): string {
  const { logFile } = config.manager;
  const outputs = config.apps.flatMap(({ outputFile }) => outputFile ?? []);
  return logrotateText({ name: service.name, outputs, ...(logFile === undefined ? {} : { log: logFile }) });
}

async function generateSystemd(app: string | undefined, options: ServiceOptions): Promise<number> {
  const units = await unitsOf(app, options);
  const { output } = options;
  if (output === undefined) await print(units.map((unit) => printed(unit, options)).join("\n"));
  else await printLines(units.map((unit) => write(output, unit)));
  return 0;
}

async function unitsOf(app: string | undefined, options: ServiceOptions): Promise<Unit[]> {
  if (options.template === true) {
    refuseBesideTemplate(app, options);
    return systemdUnits(templateService(), options);
  }
  const { service, config } = await wishService(options);
  refuseOneOfSeveral(app, config);
  return systemdUnits(service, options);
}

/** As `systemctl cat` shows units: each below its path. */
function printed(unit: Unit, { user }: ServiceOptions): string {
  const directory = user === true ? "~/.config/systemd/user" : "/etc/systemd/system";
  return `# ${directory}/${unit.file}\n${renderUnit(unit)}`;
}

function write(directory: string, unit: Unit): string {
  const path = join(directory, unit.file);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, renderUnit(unit), { mode: 0o644 });
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new FcgiPmError("FCGI_PM_SYSTEM_CALL_FAILED", `Cannot write the unit "${path}": ${why}`, {
      cause,
      remedy: "check the directory of --output and its rights",
    });
  }
  return path;
}

function refuseBesideTemplate(app: string | undefined, { config, user, socketUnit }: ServiceOptions): void {
  const given = [app, config && "--config", user && "--user", socketUnit && "--socket-unit"].find((word) => word);
  if (given === undefined) return;
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot make a template for ${given}: it is for every config`, {
    remedy: "leave --template or that out",
  });
}

function refuseUnitOptions(kind: string, options: ServiceOptions): void {
  const flags = {
    socketUnit: "socket-unit",
    notifyReload: "notify-reload",
    template: "template",
    user: "user",
    output: "output",
  } as const;
  for (const [key, flag] of Object.entries(flags))
    if (options[key as keyof typeof flags] !== undefined)
      throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `--${flag} is for units of systemd, not for ${kind}`, {
        remedy: `fcgi-pm generate systemd --${flag}, or leave it out`,
      });
}
