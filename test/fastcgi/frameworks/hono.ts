import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { etag } from "hono/etag";
import { breaking, type MakeApplication, pieces } from "./application.ts";
import { sumOf } from "./sum.ts";

const web = (body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) =>
  Readable.toWeb(Readable.from(body)) as globalThis.ReadableStream;
const octets = { "Content-Type": "application/octet-stream" };
const nothing = Buffer.alloc(0);

/** The routes of application.ts in Hono. */
export const makeHono: MakeApplication = async (directory) => {
  const app = new Hono();
  app.get("/static/file.txt", etag(), async (c) => c.text(await readFile(join(directory, "file.txt"), "utf8")));
  addBodies(app);
  addAnswers(app);
  app.onError((_error, c) => c.text("Internal Server Error", 500));
  return { kind: "fetch", fetch: app.fetch };
};

function addBodies(app: Hono): void {
  app.post("/json", async (c) => c.json(await c.req.json(), 201));
  app.post("/form", async (c) => c.json(await c.req.parseBody()));
  app.post("/up", async (c) => c.json(await sumOf((c.req.raw.body as ReadableStream<Uint8Array> | null) ?? nothing)));
  app.post("/multipart", async (c) => {
    const { file, ...fields } = await c.req.parseBody();
    const bytes = file instanceof File ? Buffer.from(await file.arrayBuffer()) : nothing;
    return c.json({ fields, name: file instanceof File ? file.name : "", file: await sumOf(bytes) });
  });
}

function addAnswers(app: Hono): void {
  app.get("/hello/:name", (c) => c.json({ name: c.req.param("name"), query: c.req.query() }));
  app.get("/down", (c) => c.body(web(pieces(Number(c.req.query("size")))), 200, octets));
  app.get("/cookies", (c) => {
    setCookie(c, "a", "1", { path: "/", httpOnly: true });
    setCookie(c, "b", "two words");
    return c.json({
      got: Object.entries(getCookie(c))
        .map((pair) => pair.join("="))
        .join("; "),
    });
  });
  app.get("/redirect", (c) => c.redirect("/hello/again?x=1"));
  app.get("/empty", (c) => c.body(null, 204));
  app.get("/not-modified", (c) => c.body(null, 304, { ETag: '"x"' }));
  app.get("/throws", () => {
    throw new Error("on purpose");
  });
  app.get("/rejects", async () => {
    throw new Error("on purpose");
  });
  app.get("/breaks", (c) => c.body(web(breaking()), 200, octets));
  app.get("/about", (c) => {
    const { url, method } = c.req;
    const { hostname, protocol } = new URL(url);
    return c.json({ url, method, hostname, protocol });
  });
}
