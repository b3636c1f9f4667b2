/** Whether an app is one application or runs scripts on disk, from its command and what was typed. */
import { basename, extname } from "node:path";
import { FcgiPmError } from "../errors.ts";
import type { WebProgram } from "../generate/web-site.ts";
import type { Served } from "./generate-web-apps.ts";
import { type Place, wrongUsage } from "./generate-web-options.ts";

/** php-cgi, php8.2-cgi, php-cgi8.2, php-fpm. */
const php = /^php[\d.]*-(?:cgi|fpm)[\d.]*$/;
const cgi = /^fcgiwrap$/;

/** What CGI programs are called, where nobody says it. */
const cgiEndings = ["cgi", "pl", "py", "sh"];

export function programOf({ name, command, cwd }: Served, place: Pick<Place, "root" | "index">): WebProgram {
  const file = basename(command?.[0] ?? "");
  const root = place.root ?? cwd;
  const isCgi = cgi.test(file);
  const isPhp = php.test(file);
  if (!isCgi && !isPhp && place.root === undefined) return application(place);
  if (root === undefined) throw rootMissing(name, file);
  const [only] = place.index;
  if (isCgi && only !== undefined) return { kind: "application", script: `${root}/${only}` };
  if (isCgi) return { kind: "scripts", root, extensions: cgiEndings, index: [] };
  const index = place.index.length > 0 ? place.index : ["index.php"];
  const extensions = endingsOf(isPhp ? [...index, "index.php"] : index);
  if (extensions.length === 0) throw scriptsMissing(index);
  return { kind: "scripts", root, extensions, index };
}

function scriptsMissing(index: readonly string[]): FcgiPmError {
  return wrongUsage(
    `Cannot tell the web server which files are scripts: ${index.join(", ")} ${index.length === 1 ? "is a page" : "are pages"}`,
    `name a script, too: --index index.php --index ${index[0]}`,
  );
}

function application({ index }: Pick<Place, "index">): WebProgram {
  if (index.length > 0) throw wrongUsage("--index is for scripts on disk, below --root", "give --root DIRECTORY, too");
  return { kind: "application" };
}

function endingsOf(files: readonly string[]): string[] {
  return [...new Set(files.map((file) => extname(file).slice(1)))].filter((ending) => !isPage(ending));
}

/** `--index index.html` beside `index.php` names a file to be served, no script. */
function isPage(ending: string): boolean {
  return ending === "html" || ending === "htm";
}

function rootMissing(name: string, file: string): FcgiPmError {
  return new FcgiPmError(
    "FCGI_PM_USAGE_WRONG",
    `Cannot tell the web server which scripts ${name} runs: ${file} takes the file from each request`,
    { remedy: "say where the scripts lie: --root /var/www/html" },
  );
}
