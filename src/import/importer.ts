/** Texts of other programs' configuration in, one import out. */
import { FcgiPmError } from "../errors.ts";
import { importApache } from "./apache.ts";
import type { Imported, World } from "./draft.ts";
import { importLighttpd } from "./lighttpd.ts";
import { settleNames } from "./names.ts";
import { directoryOf } from "./paths.ts";
import { importPhpFpm } from "./php-fpm.ts";
import type { Kind } from "./recognise.ts";
import { kinds, recognise } from "./recognise.ts";
import { importScript } from "./script.ts";
import { settleApps } from "./settle.ts";
import { importSupervisord } from "./supervisord.ts";
import { importSystemd } from "./systemd.ts";

/** One text to import. Its name is where it was read, absolute, or what stands for that. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

type Importer = (file: string, text: string, world: World) => Imported;

const importers: Readonly<Record<Kind, Importer>> = {
  supervisord: importSupervisord,
  apache: importApache,
  lighttpd: importLighttpd,
  "php-fpm": importPhpFpm,
  systemd: importSystemd,
  command: importScript,
};

/** All sources together: their apps have different names. Throws where a source is nothing that is known. */
export function importAll(sources: readonly Source[], world: World, from?: Kind): Imported {
  const parts = sources
    .filter((source) => !isReadBeside(source, sources))
    .map(({ file, text: raw }) => {
      const text = cleaned(raw);
      return importers[from ?? kindOf(file, text)](file, text, world);
    });
  const apps = parts.flatMap((part) => part.apps);
  settleNames(apps);
  settleApps(apps);
  return {
    apps,
    remarks: parts.flatMap((part) => part.remarks),
    differences: [...new Set(parts.flatMap((part) => part.differences))],
  };
}

/** A `.socket` is read with its `.service`, and need not be imported by itself. */
function isReadBeside({ file, text }: Source, sources: readonly Source[]): boolean {
  if (!file.endsWith(".socket")) return false;
  const [, named] = /^[ \t]*Service[ \t]*=[ \t]*(\S+)/m.exec(text) ?? [];
  const service = named === undefined ? file.replace(/socket$/, "service") : `${directoryOf(file)}/${named}`;
  return sources.some((other) => other.file === service);
}

/** Without a byte order mark, and without NULs, which end every string that the kernel takes. */
function cleaned(text: string): string {
  return text.replace(/^\uFEFF/, "").replaceAll("\u0000", "");
}

function kindOf(file: string, text: string): Kind {
  const kind = recognise(file, text);
  if (kind !== undefined) return kind;
  throw new FcgiPmError(
    "FCGI_PM_IMPORT_UNKNOWN",
    `Cannot import "${file}": it looks like no configuration that is known`,
    {
      remedy: `say whose it is: fcgi-pm import --from ${kinds.join("|")} FILE`,
    },
  );
}
