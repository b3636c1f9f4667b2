/** Pools of php-fpm to apps with php-cgi. */

import { setPort, setSocket, setSocketOwner } from "./addresses.ts";
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
  const all = readFiles({ world, remarks, open: [] }, file, text, "global");
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
  "php-cgi has a php.ini of its own: on Debian /etc/php/VERSION/cgi/php.ini with conf.d beside it, where php-fpm reads those in fpm/. Compare them.",
  "php-fpm finishes requests with fastcgi_finish_request() before the script ends; php-cgi does not have that function.",
];

interface Reading {
  readonly world: World;
  readonly remarks: Remark[];
  /** Files that are being read, the main one first. */
  readonly open: string[];
}

function readFiles(reading: Reading, file: string, text: string, section: string): FiledDirective[] {
  const { directives, problems } = parsePools(text, section);
  for (const { line, text: written } of problems)
    remark(
      reading.remarks,
      "lost",
      { origin: { file, line }, written },
      "php-fpm does not understand this line either",
    );
  reading.open.push(file);
  const all = directives.flatMap((one) => (one.name === "include" ? included(reading, file, one) : [{ ...one, file }]));
  reading.open.pop();
  return all;
}

function included({ world, remarks, open }: Reading, file: string, one: Directive): FiledDirective[] {
  const given = { origin: { file, line: one.line }, written: `include=${one.value}` };
  const found = world.match(resolveFrom(directoryOf(file), one.value));
  if (found.length === 0) remark(remarks, "lost", given, "no file fits");
  return found.flatMap((path) => {
    const more = world.read(path);
    const why = open.includes(path) ? "files include each other" : `${path} cannot be read`;
    if (more !== undefined && !open.includes(path)) return readFiles({ world, remarks, open }, path, more, one.section);
    remark(remarks, "lost", given, why);
    return [];
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
  const own = written.map((one) => ({
    ...one,
    value: one.value.replaceAll("$pool", name),
    raw: one.raw.replaceAll("$pool", name),
  }));
  const get = (key: string) => own.findLast((one) => one.name === key);
  draft.settings.set("command", [phpCgi(origin.file), ...phpArguments(draft, own)]);
  takeListen(draft, get("listen"), get("prefix")?.value);
  for (const one of own) takeDirective(draft, one);
  takeRoot(draft, get("chroot"), get("chdir"));
  setSocketOwner(draft, get("listen.owner")?.value, get("listen.group")?.value);
  if (get("pm.max_requests") === undefined) addTo(draft, "env", { PHP_FCGI_MAX_REQUESTS: "0" });
  for (const key of ["listen.mode", "listen.owner", "listen.group"]) {
    const one = get(key);
    if (one !== undefined && draft.settings.has("port"))
      lost("it has no meaning with port: only a Unix socket has a mode and an owner")(draft, givenOf(one));
  }
  for (const key of ["socket-mode", "socket-owner"]) if (draft.settings.has("port")) draft.settings.delete(key);
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
  const variable = /^\$\{?(\w+)\}?$/.exec(value)?.[1];
  if (variable === undefined) {
    addEnv(draft, given, [[index, value]]);
    if (/\$\{\w+\}/.test(value)) lost("php-fpm fills in what stands in braces: write its value")(draft, given);
  } else if (variable !== index)
    lost(`pass-env hands ${variable} on by its own name only: write the value of ${index}`)(draft, given);
  else if (variable !== "PATH") passEnv(draft, given, [variable]);
  else remark(draft.remarks, "same", given, "workers have the manager's PATH");
}

/** Below another root directory chdir means a path in it. */
function takeRoot(draft: Draft, root: FiledDirective | undefined, cwd: FiledDirective | undefined): void {
  if (root === undefined || root.value === "") return;
  draft.settings.set("cwd", resolveFrom("/", `${root.value}/${cwd?.value ?? ""}`));
  remark(
    draft.remarks,
    "changed",
    givenOf(root),
    "cwd is that directory as it is seen from outside; so have to be the paths that the web server sends, and those of PHP's settings",
  );
}

/** `php_admin_value[x] = y` is `-d x=y`. Of doubles the last counts. */
function phpArguments(draft: Draft, own: readonly FiledDirective[]): string[] {
  const values = new Map<string, string>();
  for (const one of own) {
    const match = /^php_(admin_)?(value|flag)$/.exec(one.name);
    if (match === null) continue;
    if (one.index === undefined) {
      lost("php-fpm expects the name of a setting in brackets")(draft, givenOf(one));
      continue;
    }
    values.set(one.index, match[2] === "flag" ? (isYes(one.value) === true ? "1" : "0") : iniValue(one));
    if (match[1] !== undefined)
      remark(
        draft.remarks,
        "changed",
        givenOf(one),
        "it stands behind -d: unlike php-fpm's it may be changed by ini_set() and .user.ini",
      );
  }
  return [...values].flatMap(([name, value]) => ["-d", `${name}=${value}`]);
}

/** php-cgi reads what stands behind -d as a line of php.ini: quotes stay where they mean something. */
function iniValue({ value, raw }: FiledDirective): string {
  const isPlain = /^[\w.,:/@+% -]*$/.test(value) && !/^(?:on|off|yes|no|true|false|none|null)$/i.test(value);
  return isPlain ? value : raw;
}
