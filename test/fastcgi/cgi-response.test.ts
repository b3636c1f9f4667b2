import { expect, test } from "@jest/globals";
import { encodeHead } from "../../src/fastcgi/cgi-head.ts";
import { maxHeadBytes, maxHeaders, parseCgiHead } from "../../src/fastcgi/cgi-response.ts";
import fc from "../helpers/chance.ts";

const parse = (text: string) => parseCgiHead(Buffer.from(text, "latin1"));

test("no input makes the reader throw, and what it accepts is sound", () => {
  const line = fc.constantFrom(
    "Status: 200",
    "A: b",
    "A:",
    ": x",
    "Location: /",
    "\n",
    "\r\n",
    "\u0000",
    " ",
    "Status: 1",
  );
  const input = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    fc.array(line).map((lines) => Buffer.from(lines.join("\n"))),
  );
  fc.assert(
    fc.property(input, (bytes) => {
      const result = parseCgiHead(bytes);
      if (!result.ok) return;
      const { status, bodyOffset, headers } = result.head;
      expect(status >= 100 && status <= 999).toBe(true);
      expect(bytes[bodyOffset - 1]).toBe(0x0a);
      for (const [name, value] of headers) expect(`${name}${value}`).not.toMatch(/[\r\n\0]/);
    }),
    { numRuns: 500 },
  );
});

test("what the server writes the client reads", () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/).filter((text) => !/^status$/i.test(text));
  const value = fc.stringMatching(/^[!-~\xa1-\xff]([ -~]{0,20}[!-~])?$/);
  const hopByHop = /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade|trailer)$/i;
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), fc.array(fc.tuple(name, value)), (status, headers) => {
      const result = parseCgiHead(encodeHead(status, headers));
      const kept = headers.filter(([one]) => !hopByHop.test(one));
      expect(result).toMatchObject({ ok: true, head: { status, headers: kept } });
    }),
  );
});

test("a head is bounded in bytes and in headers", () => {
  expect(parse(`A: ${"x".repeat(maxHeadBytes)}\n\n`)).toMatchObject({ ok: false });
  expect(parse(`${"A: b\n".repeat(maxHeaders)}\n`)).toMatchObject({ ok: true });
  expect(parse(`${"A: b\n".repeat(maxHeaders + 1)}\n`)).toMatchObject({ ok: false });
});

test("the message shows the line that is none, in printable characters", () => {
  const message = 'Cannot read the answer: "PHP Warning?  \\u0001" is no header';
  expect(parse("PHP Warning\u00ff  \u0001\n\n")).toEqual({ ok: false, message });
});

test.each([
  ["a line feed in a value", { A: "b\nSet-Cookie: c" }],
  ["a zero in a value", { A: "\u0000" }],
  ["a character that is no byte", { A: "\u20ac" }],
  ["a name with a space", { "A B": "c" }],
  ["an empty name", { "": "c" }],
  ["a status among the headers", { Status: "200 OK" }],
])("the server does not send %s", (_name, headers) => {
  expect(() => encodeHead(200, headers)).toThrow(TypeError);
});
