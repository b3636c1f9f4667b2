/** What a request asks, read and checked before anybody acts on it: its path, its parameters, its body. */
import type { IncomingMessage } from "node:http";
import { type infer as Infer, safeParse, type ZodMiniType } from "zod/mini";
import { complainOfName } from "../config/read-app.ts";
import { FcgiPmError } from "../errors.ts";

/** No command needs more. */
const mostBodyBytes = 64 * 1024;

/**
 * The path of a request, if it is one that a client of ours would write: nothing in it is encoded, no segment is empty,
 * `.` or `..`. Whatever else there is leads nowhere, so that no two spellings of a path can mean the same.
 */
export function pathOf(target: string): string | undefined {
  const path = target.split("?", 1)[0] ?? "";
  if (!/^(?:\/[\w.~-]+)+$/.test(path)) return undefined;
  return path.split("/").some((segment) => segment === "." || segment === "..") ? undefined : path;
}

/** What cannot be the name of an app is nobody's: it is not looked for anywhere. */
export function refuseNoName(app: string): void {
  if (complainOfName(app) === undefined) return;
  throw new FcgiPmError("FCGI_PM_APP_UNKNOWN", `There is no app ${quote(app)}`);
}

/** What stands behind the `?`, checked. Nothing may stand there twice. */
export function readParameters<S extends ZodMiniType>(schema: S, target: string): Infer<S> {
  const at = target.indexOf("?");
  const pairs = [...new URLSearchParams(at === -1 ? "" : target.slice(at))];
  const names = pairs.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw wrong(`the parameter ${JSON.stringify(twice)} is given twice`);
  return check(schema, Object.fromEntries(pairs));
}

/** The body as the schema has it. None at all is an empty object. */
export async function readBody<S extends ZodMiniType>(schema: S, incoming: IncomingMessage): Promise<Infer<S>> {
  const { "content-type": type, "content-encoding": encoding = "identity" } = incoming.headers;
  if (encoding !== "identity") throw notJson(`its content-encoding is ${JSON.stringify(encoding)}`);
  const text = decode(await collect(incoming));
  if (text?.trim() === "") return check(schema, {});
  const value = text === undefined ? undefined : parse(text);
  if (value !== undefined) return check(schema, value);
  if (isJson(type)) throw wrong(text === undefined ? "the body is no UTF-8" : "the body is no JSON");
  throw notJson(`its content-type is ${JSON.stringify(type)}`);
}

/** All bytes, as long as they are not too many: then they are thrown away, so that the client gets to read why. */
function collect(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const refuse = () => {
      incoming.off("data", take).resume();
      reject(tooLarge());
    };
    const take = (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > mostBodyBytes) refuse();
    };
    if (Number(incoming.headers["content-length"]) > mostBodyBytes) refuse();
    else incoming.on("data", take);
    incoming.once("end", () => resolve(Buffer.concat(chunks)));
    incoming.once("error", () => reject(wrong("the body was cut off")));
  });
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Undefined where it is no JSON: no JSON text has that value. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whoever does not name a type means JSON. */
function isJson(type: string | undefined): boolean {
  return type === undefined || /^application\/(?:[\w.+-]+\+)?json\b/i.test(type);
}

/** Keys that are not in the schema are refused; those with a meaning in JavaScript (`__proto__`) are none of ours either. */
function check<S extends ZodMiniType>(schema: S, value: unknown): Infer<S> {
  const result = safeParse(schema, value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === "unrecognized_keys") throw wrong(`nobody knows ${issue.keys.map(quote).join(", ")} here`);
  if (issue?.code === "invalid_type" && issue.path.length === 0) throw wrong("expected a JSON object");
  const place = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw wrong(`${place}${issue?.message}`);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}

function wrong(why: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_REQUEST_WRONG", `Cannot take this request: ${why}`);
}

function notJson(why: string): FcgiPmError {
  return new FcgiPmError("FCGI_PM_REQUEST_NOT_JSON", `Cannot take this request: ${why}, and the body is no JSON`);
}

function tooLarge(): FcgiPmError {
  const message = `Cannot take this request: its body is longer than ${mostBodyBytes} bytes`;
  return new FcgiPmError("FCGI_PM_REQUEST_TOO_LARGE", message);
}
