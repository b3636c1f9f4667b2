/** What every framework is asked. */
import type { Question } from "./both.ts";

export type Name = "express" | "fastify" | "koa" | "hono";
/** Every one of them. */
export const names: readonly Name[] = ["express", "fastify", "koa", "hono"];

/** What is asked, and what the answer must say; a status that is not the same for all is told for each. */
export interface Row {
  readonly question: Question;
  readonly status: number | Readonly<Record<Name, number>>;
  readonly body?: RegExp;
}

const json = (body: string): Question => ({
  uri: "/json",
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body,
});
/** A question for the file. */
export const file = (headers: Record<string, string>, method = "GET"): Question => ({
  uri: "/static/file.txt",
  method,
  headers,
});
/** Koa has no ranges of its own, and Hono none without an adapter. */
const ranged = (status: number) => ({ express: status, fastify: status, koa: 200, hono: 200 });
const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) & 255));

function multipart(): Question {
  const part = (head: string) => `--frontier\r\nContent-Disposition: form-data; ${head}\r\n\r\n`;
  const fields = `${part('name="one"')}first\r\n${part('name="two"')}zw\u00f6lf\r\n`;
  const start = part('name="file"; filename="a.bin"\r\nContent-Type: application/octet-stream');
  const body = Buffer.concat([Buffer.from(fields + start), bytes, Buffer.from("\r\n--frontier--\r\n")]);
  return {
    uri: "/multipart",
    method: "POST",
    headers: { "Content-Type": "multipart/form-data; boundary=frontier" },
    body,
  };
}

export const rows: Readonly<Record<string, Row>> = {
  "a route with a parameter and a query": {
    question: { uri: "/hello/w%C3%B6rld?q=a%20b&r=%C3%A9" },
    status: 200,
    body: /"q":"a b"/,
  },
  "an encoded slash": { question: { uri: "/hello/a%2Fb" }, status: 200, body: /"a\/b"/ },
  "a percent sign that is none": {
    question: { uri: "/hello/%" },
    status: { express: 400, fastify: 400, koa: 500, hono: 200 },
  },
  "slashes that are doubled": { question: { uri: "//hello//x" }, status: 404 },
  "a query that is empty": { question: { uri: "/hello/x?" }, status: 200 },
  HEAD: { question: { uri: "/hello/x", method: "HEAD" }, status: 200, body: /^$/ },
  OPTIONS: {
    question: { uri: "/hello/x", method: "OPTIONS" },
    status: { express: 200, fastify: 404, koa: 200, hono: 404 },
  },
  "DELETE of what has no such route": { question: { uri: "/json", method: "DELETE" }, status: 404 },
  "what is not there": { question: { uri: "/nowhere" }, status: 404 },
  JSON: { question: json('{"a":[1,{"b":"\u00fc"}]}'), status: 201, body: /^\{"a":\[1,\{"b":/ },
  "JSON of 2 MB": {
    question: json(JSON.stringify({ text: "x".repeat(2_000_000) })),
    status: 201,
    body: /^\{"text":"x{2000000}"\}$/,
  },
  "JSON that is none": { question: json('{"a":'), status: { express: 400, fastify: 400, koa: 500, hono: 500 } },
  "a form": {
    question: {
      uri: "/form",
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: "a=1+2&b=%C3%BC",
    },
    status: 200,
    body: /"a":"1 2"/,
  },
  "fields and a file of 300 KB": {
    question: multipart(),
    status: 200,
    body: /"one":"first".*"a\.bin".*"length":300000/,
  },
  "an upload that is read as a stream": {
    question: {
      uri: "/up",
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: Buffer.concat(Array(20).fill(bytes)),
    },
    status: 200,
    body: /"length":6000000,"sha":"[0-9a-f]{40}"/,
  },
  "an upload of nothing": {
    question: { uri: "/up", method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: "" },
    status: 200,
  },
  "a download that is made as a stream": {
    question: { uri: "/down?size=3000000" },
    status: 200,
    body: /^(0123456789){300000}$/,
  },
  "a download of nothing": { question: { uri: "/down?size=0" }, status: 200, body: /^$/ },
  "HEAD of a download": { question: { uri: "/down?size=100000", method: "HEAD" }, status: 200, body: /^$/ },
  "a file": { question: file({}), status: 200, body: /^(line of a file\n){100}$/ },
  "HEAD of a file": { question: file({}, "HEAD"), status: 200, body: /^$/ },
  "a part of a file": { question: file({ Range: "bytes=2-6" }), status: ranged(206) },
  "the end of a file": { question: file({ Range: "bytes=-3" }), status: ranged(206) },
  "a part that a file does not have": { question: file({ Range: "bytes=99999-" }), status: ranged(416) },
  "a file above the directory": {
    question: { uri: "/static/..%2f..%2fetc%2fpasswd" },
    status: 404,
  },
  cookies: { question: { uri: "/cookies", headers: { Cookie: "x=1; y=2" } }, status: 200, body: /x=1; y=2/ },
  "a redirect": { question: { uri: "/redirect" }, status: 302 },
  "no content": { question: { uri: "/empty" }, status: 204, body: /^$/ },
  "not modified": { question: { uri: "/not-modified" }, status: 304, body: /^$/ },
  "an error that is thrown": { question: { uri: "/throws" }, status: 500 },
  "an error in a promise": { question: { uri: "/rejects" }, status: 500 },
  "who and where": { question: { uri: "/about?x" }, status: 200, body: /site\.test/ },
  "a long header": {
    question: { uri: "/hello/x", headers: { "X-Long": "y".repeat(6000), Accept: "text/html" } },
    status: 200,
  },
};
