/** Where sockets lie that nobody named: the runtime directory. */
import { accessSync, chmodSync, constants, existsSync, lstatSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FcgiPmError } from "../errors.ts";

/** Where the managers of root and of services are. */
export const servicesDirectory = "/run/fcgi-pm";

/** `$RUNTIME_DIRECTORY` (systemd gives it), `/run/fcgi-pm` for root, `$XDG_RUNTIME_DIR/fcgi-pm`, at last a directory in /tmp. */
export function runtimeDirectory(env: NodeJS.ProcessEnv): string {
  const given = env["RUNTIME_DIRECTORY"]?.split(":")[0];
  if (given !== undefined && given !== "") return given;
  const uid = process.geteuid?.() ?? 0;
  if (uid === 0) return servicesDirectory;
  const own = env["XDG_RUNTIME_DIR"];
  return own === undefined || own === "" ? `/tmp/fcgi-pm-${uid}` : `${own}/fcgi-pm`;
}

/** Makes it where it is missing, so that web servers may enter it; refuses one in which somebody else could lay sockets for us. */
export function ensureRuntimeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw wrong(path, `cannot be made (${whyNot(path, error as NodeJS.ErrnoException)})`);
  }
  const found = lstatSync(path);
  const uid = process.geteuid?.() ?? 0;
  if (!found.isDirectory() && !statSync(path).isDirectory()) throw wrong(path, "is no directory");
  if (found.uid !== uid && found.uid !== 0) throw wrong(path, `belongs to another user (${found.uid})`);
}

/** Where the control socket of a manager lies. */
export function controlDirectory(env: NodeJS.ProcessEnv): string {
  return `${runtimeDirectory(env)}/control`;
}

/**
 * Where commands look for managers: there, and in the runtime directories of services with another name (`fcgi-pm-blog`),
 * which lie beside it. Not where RUNTIME_DIRECTORY says which one is meant, nor in /tmp, where anybody may make one.
 */
export function controlDirectories(env: NodeJS.ProcessEnv): string[] {
  const own = runtimeDirectory(env);
  const isOnly = own === env["RUNTIME_DIRECTORY"]?.split(":")[0] || dirname(own) === "/tmp";
  const beside = isOnly ? [] : namesIn(dirname(own)).filter((name) => name.startsWith(`${basename(own)}-`));
  return [own, ...beside.map((name) => join(dirname(own), name))].map((directory) => `${directory}/control`);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).toSorted();
  } catch {
    return [];
  }
}

/** Makes it where it is missing, for nobody but ourselves; refuses one of somebody else, who could command in our name. */
export function ensureControlDirectory(path: string): void {
  ensureRuntimeDirectory(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") throw wrong(path, `cannot be made (${code})`);
  }
  const found = lstatSync(path);
  if (!found.isDirectory()) throw wrong(path, "is no directory");
  if (found.uid !== process.geteuid?.()) throw wrong(path, `belongs to another user (${found.uid})`);
  if ((found.mode & 0o777) !== 0o700) chmodSync(path, 0o700);
}

/** Could a control socket lie there? A directory of our own is made for it; any other has to be there. */
export function proveControlPath(
  path: string,
  own: { readonly runtimeDirectory: string; readonly controlDirectory: string },
): void {
  const directory = dirname(path);
  try {
    if (directory === own.controlDirectory) ensureControlDirectory(directory);
    else if (directory === own.runtimeDirectory) ensureRuntimeDirectory(directory);
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof FcgiPmError) throw error;
    const why = (error as NodeJS.ErrnoException).code;
    throw new FcgiPmError(
      "FCGI_PM_CONTROL_PATH_WRONG",
      `Cannot listen for commands at "${path}": ${why} for ${directory}`,
    );
  }
}

/** With `recursive`, Node says ENOENT where the system said why: so the first directory that is missing is tried alone. */
function whyNot(path: string, { code = "" }: NodeJS.ErrnoException): string {
  if (code !== "ENOENT") return code;
  let missing = path;
  while (!existsSync(dirname(missing))) missing = dirname(missing);
  try {
    mkdirSync(missing);
    return code;
  } catch (error) {
    const real = (error as NodeJS.ErrnoException).code ?? code;
    return real === "EROFS" ? "the file system is read-only" : real;
  }
}

function wrong(path: string, why: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_SOCKET_DIRECTORY_WRONG", `The runtime directory ${path} ${why}`, {
    remedy: "give --socket, or set RUNTIME_DIRECTORY",
  });
}
