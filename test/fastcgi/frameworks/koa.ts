import { createReadStream } from "node:fs";
import { readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import formidable from "formidable";
import Koa, { type Context } from "koa";
import { breaking, type MakeApplication, pieces } from "./application.ts";
import { sumOf } from "./sum.ts";

/** The routes of application.ts in Koa, which has no router: a table of them. */
export const makeKoa: MakeApplication = async (directory) => {
  const app = new Koa();
  app.silent = true;
  app.use(async (context) => {
    const { path } = context;
    if (path === "/static/file.txt") return sendFile(context, directory);
    if (path.startsWith("/hello/")) {
      context.body = { name: decodeURIComponent(path.slice(7)), query: context.query };
      return;
    }
    const method = context.method === "HEAD" ? "GET" : context.method;
    await routes[`${method} ${path}`]?.(context);
  });
  return { kind: "node", handler: app.callback() };
};

/** Koa's own freshness: an ETag and `fresh`. */
async function sendFile(context: Context, directory: string): Promise<void> {
  const path = join(directory, "file.txt");
  const { size, mtime } = await stat(path);
  context.status = 200;
  context.lastModified = mtime;
  context.etag = String(size);
  context.length = size;
  context.type = "text/plain";
  if (context.fresh) context.status = 304;
  else context.body = createReadStream(path);
}

async function readText(context: Context): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of context.req) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

const routes: Readonly<Record<string, (context: Context) => unknown>> = {
  "POST /json": async (context) => {
    const body = JSON.parse(await readText(context)) as object;
    Object.assign(context, { status: 201, body });
  },
  "POST /form": async (context) => {
    context.body = Object.fromEntries(new URLSearchParams(await readText(context)));
  },
  "POST /multipart": async (context) => {
    const [fields, files] = await formidable({ uploadDir: tmpdir() }).parse(context.req);
    const file = files["file"]?.[0];
    const flat = Object.fromEntries(Object.entries(fields).map(([name, values]) => [name, values?.[0]]));
    const sum = await sumOf(file === undefined ? Buffer.alloc(0) : await readFile(file.filepath));
    if (file !== undefined) await rm(file.filepath);
    context.body = { fields: flat, name: file?.originalFilename, file: sum };
  },
  "POST /up": async (context) => {
    context.body = await sumOf(context.req);
  },
  "GET /down": (context) => {
    context.body = Readable.from(pieces(Number(context.query["size"])));
  },
  "GET /cookies": (context) => {
    context.cookies.set("a", "1");
    context.cookies.set("b", "2", { httpOnly: false });
    context.body = { got: context.get("cookie") };
  },
  "GET /redirect": (context) => context.redirect("/hello/again?x=1"),
  "GET /empty": (context) => {
    context.status = 204;
  },
  "GET /not-modified": (context) => {
    context.status = 304;
    context.etag = "x";
  },
  "GET /throws": () => {
    throw new Error("on purpose");
  },
  "GET /rejects": async () => {
    throw new Error("on purpose");
  },
  "GET /breaks": (context) => {
    context.body = Readable.from(breaking());
  },
  "GET /about": (context) => {
    const { ip, protocol, secure, hostname, originalUrl, method } = context;
    context.body = { ip, protocol, secure, hostname, originalUrl, method };
  },
};
