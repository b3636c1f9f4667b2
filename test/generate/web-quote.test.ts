/** What is quoted for a language is read there as it was; what a language cannot say is refused. The real servers are asked in test/system. */
import { describe, expect, test } from "@jest/globals";
import { FcgiPmError } from "../../src/errors.ts";
import {
  quoteApache,
  quoteApacheSocket,
  quoteCaddy,
  quoteHaproxy,
  quoteHaproxyFormat,
  quoteLighttpd,
  quoteNginx,
  quoteNginxPlain,
} from "../../src/generate/web-quote.ts";
import fc from "../helpers/chance.ts";

const text = fc.oneof(fc.string({ unit: fc.constantFrom(..." '\"\\$;{}#%&|`?ab/é") }), fc.string({ unit: "binary" }));

/** One word between double quotes, where a backslash takes the meaning of a quote and of itself. */
function readDouble(word: string): string {
  expect(word).toMatch(/^"(?:[^"\\]|\\.)*"$/su);
  return word.slice(1, -1).replace(/\\(["\\])/g, "$1");
}

/** As lighttpd does: a backslash means something before a quote alone. */
function readLighttpd(word: string): string {
  expect(word).toMatch(/^"(?:[^"\\]|\\"|\\(?!"))*"$/su);
  return word.slice(1, -1).replaceAll('\\"', '"');
}

/** As a shell does. */
function readSingle(word: string): string {
  expect(word).toMatch(/^'[^']*'(?:\\''[^']*')*$/su);
  return word.slice(1, -1).replaceAll("'\\''", "'");
}

function readCaddy(word: string): string {
  if (!word.startsWith("`")) return word;
  expect(word).toMatch(/^`[^`]*`$/su);
  return word.slice(1, -1);
}

const languages: readonly (readonly [string, (value: string) => string, (word: string) => string, RegExp])[] = [
  ["nginx", quoteNginx, readDouble, /\$/],
  ["a socket of nginx", quoteNginxPlain, readDouble, /(?!)/],
  ["Apache", quoteApache, readDouble, /[$%]\{/],
  ["a socket of Apache", (path) => quoteApacheSocket("", path, ""), readDouble, /[|?#%*[\]]|\$\{/],
  ["lighttpd", quoteLighttpd, readLighttpd, /\\(?="|$)/],
  ["HAProxy", quoteHaproxy, readSingle, /(?!)/],
  ["a format of HAProxy", quoteHaproxyFormat, (word) => readSingle(word).replaceAll("%%", "%"), /(?!)/],
  ["Caddy", quoteCaddy, readCaddy, /[{`]/],
];

const control = /[\u0000-\u001f\u007f]/;

describe.each(languages)("%s", (_name, quote, read, special) => {
  test("reads every value as it was, but for those that it cannot say, which are refused by name", () => {
    fc.assert(
      fc.property(text, (value) => {
        const cannot = control.test(value) || special.test(value);
        if (!cannot) expect(read(quote(value))).toBe(value);
        else expect(() => quote(value)).toThrow(FcgiPmError);
      }),
      { numRuns: 1000 },
    );
  });
});

test("an error names the value, the server and the sign", () => {
  expect(() => quoteNginx("/srv/$x")).toThrow(
    'Cannot write "/srv/$x" for nginx: its language has no way to say "$" there',
  );
});
