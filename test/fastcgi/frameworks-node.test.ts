/** Node's own handlers behind FastCGI: what `req` and `res` say and do is what they say and do under node:http. */
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { until } from "../helpers/wait.ts";
import { type Both, buildMain, paramsOf, type Question, startBoth } from "./frameworks/both.ts";
import { Undo } from "./peers.ts";
import * as raw from "./raw-peer.ts";
import { RawPeer } from "./raw-peer.ts";

jest.setTimeout(60_000);
const undo = new Undo();
let both = undefined as unknown as Both;
beforeAll(async () => {
  both = await startBoth(buildMain(undo), "plain", "", undo);
});
afterAll(() => undo.all());

const headers = {
  "X-Custom-Header": "a",
  Accept: "*/*",
  "User-Agent": "test",
  Cookie: "a=1; b=2",
  "X-Forwarded-For": "1.2.3.4, 5.6.7.8",
};
const post = (uri: string, body: string | Buffer): Question => ({
  uri,
  method: "POST",
  headers: { "Content-Type": "text/plain" },
  body,
});

test.each<[string, Question, RegExp]>([
  ["method, URL, versions and headers", { uri: "/request?a=%20b&c=//d", headers }, /"x-custom-header","a"/],
  ["the headers of a body", post("/request", "body"), /"content-length","4"/],
  ["PATCH", { uri: "/request", method: "PATCH", body: "" }, /"method":"PATCH"/],
  ["the socket", { uri: "/socket" }, /"remoteAddress":"127.0.0.1"/],
  ["interim answers", { uri: "/early" }, /^after hints$/],
  ["Transfer-Encoding: chunked of the application's own", { uri: "/chunked" }, /^first x{100000} last!$/],
  ["HEAD of what is chunked", { uri: "/chunked", method: "HEAD" }, /^$/],
  ["every way to set headers", { uri: "/headers" }, /^x$/],
  ["headers as a flat list", { uri: "/raw-headers" }, /^x$/],
  ["an answer of nothing", { uri: "/no-head" }, /^$/],
  ["a length that the application sets", { uri: "/length" }, /^abcdef$/],
  ["HEAD with a length and a body", { uri: "/length", method: "HEAD" }, /^$/],
  ["writes that are corked, in several encodings", { uri: "/corked" }, /^abc$/],
  ["headers that are flushed before the body", { uri: "/flushed" }, /"headersSent":true/],
  ["a status without a body: 204", { uri: "/status?code=204" }, /^$/],
  ["a status without a body: 304", { uri: "/status?code=304" }, /^$/],
  ["a status that nobody knows: 599", { uri: "/status?code=599" }, /^body$/],
  ["a write after the end", { uri: "/after-end" }, /^body$/],
  ["a body of 5 MB", post("/sum", Buffer.alloc(5_000_000, "0123")), /"length":5000000/],
  ["a body in the answer to GET", { uri: "/sum", body: "of a GET" }, /"length":8/],
  ["a body that nobody reads", post("/unread", Buffer.alloc(1_000_000)), /^not read$/],
  ["Expect: 100-continue", { ...post("/continue", "body"), headers: { Expect: "100-continue" } }, /"length":4/],
])("are the same: %s", async (_name, question, body) => {
  const [answer, expected] = [await both.fastCgi(question), await both.judge(question)];
  expect(answer).toEqual(expected);
  expect(answer.body).toMatch(body);
});

test("trailers are left out: CGI has no place for them (RFC 3875, 6.3)", async () => {
  const answer = await both.fastCgi({ uri: "/trailers" });
  expect(answer).toEqual({ status: 200, headers: [["Content-Type", "text/plain"]], body: "body" });
});

/** How the story of a request goes: what is sent of it, what is waited for, and how it ends. */
interface Scene {
  readonly uri: string;
  /** How much of a body of ten bytes is sent; undefined: there is no body at all. */
  readonly sent?: number;
  /** The browser leaves when this has come. */
  readonly leavesAt?: "sent" | "begun";
}

const scenes: Readonly<Record<string, Scene>> = {
  "is answered": { uri: "/no-head" },
  "is answered after its body was read": { uri: "/sum", sent: 10 },
  "is answered and its body is not read": { uri: "/unread", sent: 10 },
  "is left while the handler works": { uri: "/hangs", leavesAt: "sent" },
  "is left when its body is read and the handler works": { uri: "/reads", sent: 10, leavesAt: "sent" },
  "is left in the middle of its body, which is read": { uri: "/reads", sent: 3, leavesAt: "sent" },
  "is left in the middle of its body, which nobody reads": { uri: "/hangs", sent: 3, leavesAt: "sent" },
  "is left in the middle of the answer": { uri: "/begins", leavesAt: "begun" },
  "has its response destroyed": { uri: "/destroys-response" },
  "is destroyed": { uri: "/destroys-request" },
  "has its socket destroyed": { uri: "/destroys-socket" },
};

let stories = 0;
const nextStory = () => {
  stories += 1;
  return `s${stories}`;
};
const body = "0123456789";

/** Plays a scene over HTTP, as a browser that may leave. */
async function playHttp(port: number, { uri, sent, leavesAt }: Scene, story: string): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  undo.add(() => socket.destroy());
  let got = "";
  socket.on("data", (chunk) => {
    got += chunk;
  });
  socket.on("error", () => {});
  const head = sent === undefined ? "GET" : "POST";
  const length = sent === undefined ? "" : `Content-Length: ${body.length}\r\n`;
  socket.write(
    `${head} ${uri}?story=${story} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n${length}\r\n${body.slice(0, sent ?? 0)}`,
  );
  await leave(socket, leavesAt, story, () => got.includes("begun"), "judge");
}

/** The same over FastCGI; the web server closes its connection, or aborts. */
async function playFastCgi({ uri, sent, leavesAt }: Scene, story: string, how: "closes" | "aborts"): Promise<void> {
  const peer = new RawPeer({ kind: "unix", path: both.path }, undo);
  const question = {
    uri: `${uri}?story=${story}`,
    method: sent === undefined ? "GET" : "POST",
    ...(sent === undefined ? {} : { body }),
  };
  const pairs = [...paramsOf(question)].map(([name, value]) => raw.pair(name, value));
  peer.send(raw.begin(), raw.stream(raw.PARAMS, 1, Buffer.concat(pairs)));
  if (sent !== undefined && sent > 0) peer.send(raw.record(raw.STDIN, 1, body.slice(0, sent)));
  if (sent === undefined || sent === body.length) peer.send(raw.record(raw.STDIN, 1));
  const abort = { destroy: () => peer.send(raw.record(raw.ABORT, 1)) };
  const hasBegun = () => peer.runs()[0]?.some(({ content }) => content.includes("begun")) === true;
  await leave(how === "aborts" ? abort : peer.socket, leavesAt, story, hasBegun, "fastCgi");
  expect(peer.violations).toEqual([]);
}

async function leave(
  socket: { destroy(): unknown },
  at: Scene["leavesAt"],
  story: string,
  hasBegun: () => boolean,
  who: "judge" | "fastCgi",
) {
  if (at === "begun") await until(hasBegun, { what: "the begin of the answer" });
  if (at === "sent") await until(() => knows(who, story), { what: "its handler" });
  if (at !== undefined) socket.destroy();
}

/** Whether the handler has begun. */
async function knows(who: "judge" | "fastCgi", story: string): Promise<boolean> {
  return (await both[who]({ uri: `/stories?story=${story}` })).status === 200;
}

/** What the handler saw of the request and of the response, once both have closed. */
async function storyOf(who: "judge" | "fastCgi", story: string): Promise<{ req: string[]; res: string[] }> {
  let seen: string[] = [];
  const isOver = async () => {
    seen = JSON.parse((await both[who]({ uri: `/stories?story=${story}` })).body) as string[];
    return seen.includes("res close") && seen.includes("req close");
  };
  await until(isOver, { what: `the end of story ${story}`, timeoutMs: 5000 }).catch(() =>
    seen.push("req and res do not close"),
  );
  const of = (object: string) => seen.filter((event) => event.startsWith(object));
  return { req: of("req"), res: of("res") };
}

describe.each(Object.entries(scenes))("a request that %s", (_name, scene) => {
  test.each(["closes", "aborts"] as const)("has the same events when the web server %s", async (how) => {
    const [judged, served] = [nextStory(), nextStory()];
    const port = both.port;
    await Promise.all([playHttp(port, scene, judged), playFastCgi(scene, served, how)]);
    expect(await storyOf("fastCgi", served)).toEqual(await storyOf("judge", judged));
  });
});
