import type { IncomingMessage, ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { MakeApplication } from "./application.ts";
import { sumOf } from "./sum.ts";

type Route = (req: IncomingMessage, res: ServerResponse) => unknown;

/** A handler with no framework, which uses what frameworks use, and what they do not. */
export const makePlain: MakeApplication = async () => {
  const stories = new Map<string, string[]>();
  return { kind: "node", handler: (req, res) => answer(req, res, stories) };
};

async function answer(req: IncomingMessage, res: ServerResponse, stories: Map<string, string[]>): Promise<void> {
  const { pathname, searchParams } = new URL(req.url ?? "/", "http://site.test");
  const story = searchParams.get("story");
  if (pathname === "/stories") return tellStory(res, stories.get(story ?? ""));
  if (story !== null) stories.set(story, tellEvents(req, res));
  const route = routes[pathname];
  if (route === undefined) res.writeHead(404).end();
  else await route(req, res);
}

function tellStory(res: ServerResponse, story: string[] | undefined): void {
  if (story === undefined) res.writeHead(404).end();
  else json(res, story);
}

function json(res: ServerResponse, value: unknown): void {
  res.setHeader("Content-Type", "application/json");
  res.end(JSON.stringify(value));
}

/** What happens to a request and its response, in order. */
function tellEvents(req: IncomingMessage, res: ServerResponse): string[] {
  const story: string[] = [];
  for (const name of ["end", "aborted", "close"]) req.on(name, () => story.push(`req ${name}`));
  for (const name of ["finish", "close"]) res.on(name, () => story.push(`res ${name}`));
  req.on("error", (error: NodeJS.ErrnoException) => story.push(`req error ${error.code}`));
  res.on("error", (error: NodeJS.ErrnoException) => story.push(`res error ${error.code}`));
  res.on("close", () => {
    const { destroyed, writableEnded, writableFinished } = res;
    story.push(`res ${JSON.stringify({ destroyed, writableEnded, writableFinished, aborted: req.aborted })}`);
  });
  return story;
}

const routes: Readonly<Record<string, Route>> = {
  "/request": (req, res) => {
    const { method, url, httpVersion, httpVersionMajor, headers, headersDistinct, complete, trailers, statusCode } =
      req;
    delete headers.connection;
    delete headersDistinct["connection"];
    const sort = (all: object) => Object.entries(all).sort();
    const told = { method, url, httpVersion, httpVersionMajor, complete, trailers, statusCode };
    json(res, { ...told, headers: sort(headers), headersDistinct: sort(headersDistinct) });
  },
  "/socket": (req, res) => {
    const { socket } = req;
    const { remoteAddress, remoteFamily, destroyed, writable, readable } = socket;
    socket.setTimeout(60_000).setKeepAlive(true).setNoDelay(true).ref();
    const isSame = socket === res.socket && res.connection === socket;
    const types = [typeof socket.remotePort, typeof socket.localPort, typeof socket.address(), typeof socket.on];
    json(res, { remoteAddress, remoteFamily, destroyed, writable, readable, isSame, types });
  },
  "/early": async (_req, res) => {
    res.writeContinue();
    res.writeEarlyHints({ link: ["</a.css>; rel=preload", "</b.css>; rel=preload"] });
    res.writeProcessing();
    await nextTurn();
    res.end("after hints");
  },
  "/chunked": async (_req, res) => {
    res.writeHead(200, { "Transfer-Encoding": "chunked", "Content-Type": "text/plain" });
    for (const piece of ["first ", "x".repeat(100_000), " last"]) {
      res.write(piece);
      await nextTurn();
    }
    res.end("!");
  },
  "/trailers": (_req, res) => {
    res.writeHead(200, { Trailer: "X-Sum", "Transfer-Encoding": "chunked", "Content-Type": "text/plain" });
    res.write("body");
    res.addTrailers({ "X-Sum": "1" });
    res.end();
  },
  "/headers": (_req, res) => {
    res
      .setHeader("X-Case-Of-Name", "a")
      .setHeader("x-lower", ["1", "2"])
      .setHeader("X-Gone", "x")
      .setHeader("X-Number", 7);
    res.removeHeader("X-Gone");
    res.appendHeader("Set-Cookie", "a=1");
    res.appendHeader("Set-Cookie", "b=2");
    res.setHeader("X-Latin", "caf\u00e9");
    res.writeHead(299, "Quite Fine", { "Content-Type": "text/plain", "X-Late": "1" });
    res.end("x");
  },
  "/raw-headers": (_req, res) => void res.writeHead(200, ["X-A", "1", "X-A", "2", "Content-Length", "1"]).end("x"),
  "/no-head": (_req, res) => void res.end(),
  "/length": (_req, res) => {
    res.setHeader("Content-Length", 6);
    res.write("abc");
    res.end("def");
  },
  "/corked": (_req, res) => {
    res.cork();
    res.write("a");
    res.write(Buffer.from("b"));
    res.write("63", "hex");
    res.uncork();
    res.end();
  },
  "/flushed": async (_req, res) => {
    res.flushHeaders();
    await nextTurn();
    res.end(JSON.stringify({ headersSent: res.headersSent, statusCode: res.statusCode }));
  },
  "/status": (req, res) =>
    void res.writeHead(Number(new URL(req.url ?? "", "http://x").searchParams.get("code"))).end("body"),
  "/after-end": async (_req, res) => {
    const errors: unknown[] = [];
    res.on("error", (error: NodeJS.ErrnoException) => errors.push(error.code));
    res.end("body", () => errors.push("ended"));
    res.write("more");
    await nextTurn();
  },
  "/sum": async (req, res) => json(res, await sumOf(req)),
  "/unread": (_req, res) => void res.end("not read"),
  "/continue": async (req, res) => json(res, { expect: req.headers.expect ?? null, ...(await sumOf(req)) }),
  "/down": async (_req, res) => {
    res.writeHead(200, { "Content-Type": "application/octet-stream" });
    for (let made = 0; made < 4096 && !res.destroyed; made += 1) {
      if (!res.write(Buffer.alloc(65_536, "x")))
        await new Promise((resolve) => res.once("drain", resolve).once("close", resolve));
    }
    res.end();
  },
  "/hangs": () => {},
  "/reads": (req) => void req.resume(),
  "/begins": (_req, res) => void res.write("begun"),
  "/destroys-response": (_req, res) => void res.write("begun", () => res.destroy()),
  "/destroys-request": (req) => void req.destroy(),
  "/destroys-socket": (req) => void req.socket.destroy(),
};
