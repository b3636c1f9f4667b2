/** Pools of php-fpm to apps with php-cgi. */

import { dropSocketOnly, setPort, setSocket, setSocketOwner } from "./addresses.ts";
import type { Draft, Given, Imported, Remark, World } from "./draft.ts";
import { addEnv, addTo, newDraft, passEnv, remark } from "./draft.ts";
import { lookUp } from "./look-up.ts";
import { directoryOf, resolveFrom } from "./paths.ts";
import type { Directive } from "./php-fpm-ini.ts";
import { parsePools } from "./php-fpm-ini.ts";
import { globalOptions, poolOptions } from "./php-fpm-options.ts";
import { isYes, lost } from "./rules.ts";

interface FiledDirective extends Directive {
  readonly file: string;
}

/** Reads php-fpm.conf with what it includes, or the file of one pool. */
export function importPhpFpm(file: string, text: string, world: World): Imported {
  const remarks: Remark[] = [];
  const all = readFiles(file, text, world, remarks, "global", 0);
  const names = new Set(all.flatMap(({ section }) => (section === "global" ? [] : [section])));
  const apps = [...names].map((name) =>
    readPool(
      name,
      all.filter(({ section }) => section === name),
    ),
  );
  for (const one of all.filter(({ section }) => section === "global")) takeGlobal(one, remarks);
  return { apps, remarks, differences };
}

const differences = [
  "php-cgi takes the place of php-fpm: one process for each worker, all on the app's socket, the number of them fixed.",
  "php-fpm finishes requests with fastcgi_finish_request() before the script ends; php-cgi does not have that function.",
];

function readFiles(
  file: string,
  text: string,
  world: World,
  remarks: Remark[],
  section: string,
  depth: number,
): FiledDirective[] {
  const { directives, problems } = parsePools(text, section);
  for (const { line, text: written } of problems)
    remark(remarks, "lost", { origin: { file, line }, written }, "php-fpm does not understand this line either");
  return directives.flatMap((one) => {
    if (one.name !== "include") return [{ ...one, file }];
    const given = { origin: { file, line: one.line }, written: `include=${one.value}` };
    const found = depth > 8 ? [] : world.match(resolveFrom(directoryOf(file), one.value));
    if (found.length === 0) remark(remarks, "lost", given, "no file fits");
    return found.flatMap((path) => {
      const more = world.read(path);
      if (more === undefined) remark(remarks, "lost", given, `${path} cannot be read`);
      return more === undefined ? [] : readFiles(path, more, world, remarks, one.section, depth + 1);
    });
  });
}

function givenOf({ name, index, value, file, line }: FiledDirective): Given {
  const written = `${name}${index === undefined ? "" : `[${index}]`} = ${value}`;
  return { origin: { file, line }, written, value };
}

function takeGlobal(one: FiledDirective, remarks: Remark[]): void {
  remark(remarks, "lost", givenOf(one), lookUp(globalOptions, one.name) ?? "php-fpm does not know this option either");
}

function readPool(name: string, written: readonly FiledDirective[]): Draft {
  const [first] = written;
  const origin = { file: first?.file ?? "", line: Math.max(1, (first?.line ?? 1) - 1) };
  const draft = newDraft(name, { origin, written: `[${name}]` });
  const own = written.map((one) => ({ ...one, value: one.value.replaceAll("$pool", name) }));
  const get = (key: string) => own.findLast((one) => one.name === key);
  draft.settings.set("command", [phpCgi(origin.file), ...own.flatMap((one) => phpArgument(draft, one))]);
  takeListen(draft, get("listen"), get("prefix")?.value);
  for (const one of own) takeDirective(draft, one);
  setSocketOwner(draft, get("listen.owner")?.value, get("listen.group")?.value);
  if (get("pm.max_requests") === undefined) addTo(draft, "env", { PHP_FCGI_MAX_REQUESTS: "0" });
  dropSocketOnly(draft, { origin, written: "listen.owner, listen.group, listen.mode", value: "" });
  return draft;
}

/** Debian has a php-cgi for each version, as it has directories in /etc/php. */
function phpCgi(file: string): string {
  return `php-cgi${/\/php\/(\d\.\d)\//.exec(file)?.[1] ?? ""}`;
}

/** `/path`, `9000`, `127.0.0.1:9000`, `[::1]:9000`. A bare port is every address, as with php-fpm. */
function takeListen(draft: Draft, one: FiledDirective | undefined, prefix: string | undefined): void {
  if (one === undefined) {
    remark(draft.remarks, "lost", draft, "php-fpm requires a listen here");
    return;
  }
  const given = givenOf(one);
  const tcp = /^(?:(.*):)?(\d+)$/.exec(one.value);
  if (tcp !== null) setPort(draft, given, (tcp[1] ?? "") === "[::]" ? "::" : (tcp[1] ?? ""), tcp[2] ?? "");
  else setSocket(draft, resolveFrom(prefix ?? "/usr", one.value));
}

const together = new Set(["listen", "listen.owner", "listen.group", "prefix"]);

function takeDirective(draft: Draft, one: FiledDirective): void {
  const given = givenOf(one);
  if (together.has(one.name) || /^php_(?:admin_)?(?:value|flag)$/.test(one.name)) return;
  if (one.name === "env") takeEnv(draft, one, given);
  else (lookUp(poolOptions, one.name) ?? lost("php-fpm does not know this option either"))(draft, given);
}

/** `env[NAME] = $OTHER` is a variable of php-fpm's own environment. */
function takeEnv(draft: Draft, { index = "", value }: FiledDirective, given: Given): void {
  const variable = /^\$(\w+)$/.exec(value)?.[1];
  if (variable === undefined) addEnv(draft, given, [[index, value]]);
  else if (variable !== index)
    lost(`pass-env hands ${variable} on by its own name only: write the value of ${index}`)(draft, given);
  else if (variable !== "PATH") passEnv(draft, given, [variable]);
  else remark(draft.remarks, "same", given, "workers have the manager's PATH");
}

/** `php_admin_value[x] = y` is `-d x=y`. */
function phpArgument(draft: Draft, one: FiledDirective): string[] {
  const match = /^php_(admin_)?(value|flag)$/.exec(one.name);
  if (match === null || one.index === undefined) return [];
  const value = match[2] === "flag" ? (isYes(one.value) === true ? "1" : "0") : one.value;
  if (match[1] !== undefined)
    remark(
      draft.remarks,
      "changed",
      givenOf(one),
      "it stands behind -d: unlike php-fpm's it may be changed by ini_set() and .user.ini",
    );
  return ["-d", `${one.index}=${value}`];
}
