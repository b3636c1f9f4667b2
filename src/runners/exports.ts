/** Where in a module the application is looked for. */
import type { Application, Style } from "./application.ts";
import { applicationOf, asItIs } from "./application.ts";

/** In this order, after the default export. */
export const names = ["handler", "app", "fetch", "server"] as const;

type Exports = Readonly<Record<string, unknown>>;

/** The first export that is an application; undefined where none is. */
export async function findApplication(exports: Exports): Promise<Application | undefined> {
  const main = mainOf(exports);
  const style = styleOf(exports, main);
  const inner = isObject(main) ? main : {};
  for (const name of ["default", ...names]) {
    const value = name === "default" ? main : (exports[name] ?? inner[name]);
    // A function by the name of fetch is no (req, res), however many parameters it has: Cloudflare's has three.
    const found = await applicationOf(value, style ?? (name === "fetch" ? "fetch" : undefined));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `nothing that can be served, but "default" (an object), "config" (a string)`: to the one whose module has no application. */
export function describeExports(exports: Exports): string {
  const all = given(exports);
  if (all.length === 0) return "nothing";
  const described = all.map(([name, value]) => `"${name}" (${describe(value)})`);
  return `nothing that can be served, but ${described.join(", ")}`;
}

/** The name of an export that would be served if it were the default one: of applications there is seldom more than one. */
export function nameElsewhere(exports: Exports): string | undefined {
  const found = given(exports).filter(([, value]) => asItIs(value) !== undefined);
  return found.length === 1 ? found[0]?.[0] : undefined;
}

/** What the author has exported: a CommonJS module that exports nothing has an empty object as its default export. */
function given(exports: Exports): [name: string, value: unknown][] {
  const isNone = (name: string, value: unknown) =>
    name === "module.exports" || name === "__esModule" || (name === "default" && isEmpty(value));
  return Object.entries(exports).filter(([name, value]) => !isNone(name, value));
}

function isEmpty(value: unknown): boolean {
  return isObject(value) && Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === 0;
}

/** `module.exports` comes as the default export; what a compiler made of a default export lies one level deeper. */
function mainOf(exports: Exports): unknown {
  const main = exports["default"];
  return isObject(main) && main["__esModule"] === true ? main["default"] : main;
}

/** `export const kind = "fetch"` says what a function is. */
function styleOf(exports: Exports, main: unknown): Style | undefined {
  const kind = exports["kind"] ?? (isObject(main) ? main["kind"] : undefined);
  return kind === "node" || kind === "fetch" ? kind : undefined;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "function") return describeFunction(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function describeFunction(value: { readonly length: number }): string {
  if (/^class\b/.test(Function.prototype.toString.call(value))) return "a class";
  return value.length === 0
    ? "a function without parameters"
    : `a function of ${value.length} ${value.length === 1 ? "parameter" : "parameters"}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
