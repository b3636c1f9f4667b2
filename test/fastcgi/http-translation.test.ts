/** From CGI parameters to an HTTP request, and from an HTTP response to a CGI one: the pure parts. */
import { describe, expect, test } from "@jest/globals";
import { Dechunker } from "../../src/fastcgi/dechunker.ts";
import { readHttpHead } from "../../src/fastcgi/http-head.ts";
import { HttpRequestParts } from "../../src/fastcgi/http-request.ts";
import { readRequestUrl } from "../../src/fastcgi/request-url.ts";
import type { Pair } from "../../src/fastcgi/wire/params.ts";
import fc from "../helpers/chance.ts";

const headersOf = (...params: Pair[]) => new HttpRequestParts(params).rawHeaders;

describe("headers", () => {
  test("have their usual names again", () => {
    const params: Pair[] = [
      ["HTTP_X_FORWARDED_FOR", "1.2.3.4"],
      ["CONTENT_TYPE", "text/plain"],
      ["CONTENT_LENGTH", "4"],
      ["HTTP_DNT", "1"],
    ];
    const names = ["X-Forwarded-For", "1.2.3.4", "Dnt", "1", "Content-Type", "text/plain", "Content-Length", "4"];
    expect(headersOf(...params)).toEqual(names);
  });

  test("of the body are taken from CONTENT_TYPE and CONTENT_LENGTH, which nginx sends empty, and not twice", () => {
    expect(headersOf(["CONTENT_TYPE", ""], ["CONTENT_LENGTH", ""])).toEqual([]);
    expect(headersOf(["HTTP_CONTENT_LENGTH", "9"], ["CONTENT_LENGTH", "4"])).toEqual(["Content-Length", "4"]);
    expect(headersOf(["HTTP_CONTENT_TYPE", "a/b"], ["CONTENT_TYPE", "c/d"])).toEqual(["Content-Type", "c/d"]);
    expect(headersOf(["HTTP_CONTENT_TYPE", "a/b"])).toEqual(["Content-Type", "a/b"]);
  });

  test("of the body are the last ones that came, as a site sends them after those of its web server", () => {
    expect(headersOf(["CONTENT_LENGTH", "9"], ["CONTENT_LENGTH", "4"])).toEqual(["Content-Length", "4"]);
    expect(headersOf(["CONTENT_LENGTH", "9"], ["CONTENT_LENGTH", ""])).toEqual([]);
    expect(headersOf(["CONTENT_TYPE", "a/b"], ["CONTENT_TYPE", "c/d"])).toEqual(["Content-Type", "c/d"]);
  });

  test.each<Pair>([
    ["HTTP_", "no name"],
    ["HTTP_A B", "a space in the name"],
    ["HTTP_A\r\nX", "a line's end in the name"],
    ["HTTP_A:", "a colon in the name"],
    ["HTTP_\u00e9", "a letter that is no ASCII"],
    ["HTTP_X", "a line's end\r\nSet-Cookie: x"],
    ["HTTP_X", "a zero \0"],
  ])("that could not have come over HTTP are left out: %j %j", (name, value) => {
    expect(headersOf([name, value])).toEqual([]);
  });

  test("of any name do no harm", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string())), (pairs) => {
        const raw = headersOf(...pairs.map(([name, value]): Pair => [`HTTP_${name}`, value]));
        expect(raw.every((text) => !/[\r\n\0]/.test(text))).toBe(true);
      }),
    );
  });
});

describe("the URL", () => {
  const parts = { uri: undefined, scriptName: "", pathInfo: "", query: "" };

  test.each([
    ["REQUEST_URI as it is", { ...parts, uri: "/a%20b?c", scriptName: "/x" }, "/a%20b?c"],
    [
      "without it, what CGI/1.1 has",
      { ...parts, scriptName: "/app.fcgi", pathInfo: "/a b", query: "c=d" },
      "/app.fcgi/a%20b?c=d",
    ],
    ["bytes that are no ASCII", { ...parts, scriptName: "/gr\u00c3\u00bc\u00c3\u009f" }, "/gr%C3%BC%C3%9F"],
    ["a question mark in a path", { ...parts, scriptName: "/a?b" }, "/a%3Fb"],
    ["nothing at all", parts, "/"],
  ])("is %s", (_name, params, url) => {
    expect(readRequestUrl(params, false)).toBe(url);
  });

  test.each([
    ["/shop", "/shop/cart?x", "/cart?x"],
    ["/shop", "/shop?x", "/?x"],
    ["/shop", "/shop", "/"],
    ["/shop/", "/shop/cart", "/cart"],
    ["/my shop", "/my%20shop/a%20b", "/a%20b"],
    ["/shop", "/shopping/cart", "/shopping/cart"],
    ["/other", "/shop/cart", "/shop/cart"],
    ["", "/shop/cart", "/shop/cart"],
  ])("without SCRIPT_NAME %s: %s is %s", (scriptName, uri, url) => {
    expect(readRequestUrl({ ...parts, scriptName, uri }, true)).toBe(url);
  });
});

describe("the head of a response", () => {
  test("becomes a CGI head, without what is the web server's to say", () => {
    const head =
      "HTTP/1.1 404 Not Found\r\nContent-Type: a/b\r\nConnection: close\r\nKeep-Alive: timeout=5\r\nStatus: 200\r\nX-Connection: 1\r\n\r\n";
    const cgi = "Status: 404 Not Found\r\nContent-Type: a/b\r\nX-Connection: 1\r\n\r\n";
    expect(readHttpHead(head)).toEqual({ isInformational: false, isChunked: false, cgi });
  });

  test("tells whether its body comes in chunks, and whether it is only the first of several", () => {
    const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\nA: b\r\n\r\n";
    expect(readHttpHead(chunked)).toMatchObject({ isChunked: true, cgi: "Status: 200 OK\r\nA: b\r\n\r\n" });
    expect(readHttpHead("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").isInformational).toBe(true);
    expect(readHttpHead("HTTP/1.1 200 OK\r\nX: transfer-encoding: chunked\r\n\r\n").isChunked).toBe(false);
  });
});

describe("a chunked body", () => {
  const decode = (pieces: readonly Uint8Array[]) => {
    const dechunker = new Dechunker();
    return Buffer.concat(pieces.flatMap((piece) => dechunker.push(piece))).toString("latin1");
  };

  test("is its chunks put together, without sizes, extensions and trailers", () => {
    const body = "4;name=value\r\nbody\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nrubbish";
    expect(decode([Buffer.from(body)])).toBe("body0123456789");
  });

  test("may be cut anywhere", () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }));
    fc.assert(
      fc.property(chunks, fc.infiniteStream(fc.integer({ min: 1, max: 7 })), (contents, sizes) => {
        const framed = contents.flatMap((content) => [`${content.length.toString(16)}\r\n`, content, "\r\n"]);
        const wire = Buffer.concat([...framed.map((part) => Buffer.from(part as string)), Buffer.from("0\r\n\r\n")]);
        const pieces: Buffer[] = [];
        for (let at = 0; at < wire.length; at += pieces.at(-1)?.length ?? 1) {
          pieces.push(wire.subarray(at, at + (sizes.next().value ?? 1)));
        }
        expect(decode(pieces)).toBe(Buffer.concat(contents).toString("latin1"));
      }),
    );
  });
});
