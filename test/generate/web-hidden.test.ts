import { describe, expect, test } from "@jest/globals";
import { dottedBehindSlash, isHidden, otherSourcePattern, wellKnownPattern } from "../../src/generate/web-hidden.ts";

/** As PCRE reads it: JavaScript has no `(?i:`. */
const insensitive = (pattern: string) => new RegExp(pattern.replace("(?i:", "(?:"), "i");

describe("What is never served from disk", () => {
  test.each([
    ".env",
    ".git/config",
    "a/.git/config",
    ".well-known/.env",
    "x.php",
    "X.PHP",
    "x.php5",
    "x.php.bak",
    "x.php~",
  ])("%s is hidden", (path) => expect(isHidden(path)).toBe(true));
  test.each(["a/b.pl", "b.py", "b.pyc", "x.inc", "x.fcgi", "x.wsgi", "page.html~", "page.html.orig", "x.phtml_old"])(
    "%s is hidden, too",
    (path) => expect(isHidden(path)).toBe(true),
  );
  test.each([
    "index.html",
    ".well-known/token",
    "a.b/c.js",
    "x.php/page.txt",
    "x.plan.html",
    "map.shp",
    "x.phpx",
    "a~b",
  ])("%s is served", (path) => expect(isHidden(path)).toBe(false));

  test("scripts that are run are no other sources, and their copies are", () => {
    const other = insensitive(otherSourcePattern(["php", "inc"]));
    for (const path of ["/x.php", "/x.inc"]) expect(other.test(path)).toBe(false);
    for (const path of ["/x.php.bak", "/x.inc~", "/x.py"]) expect(other.test(path)).toBe(true);
  });

  test("what is left of .well-known where a pattern cannot look ahead is the same", () => {
    const dotted = new RegExp(`^/${dottedBehindSlash}`);
    const wellKnown = new RegExp(wellKnownPattern);
    for (const path of ["/.well-known/", "/.well-known/a/b", "/.well-known/a.b/c"])
      expect([path, dotted.test(path), wellKnown.test(path)]).toEqual([path, false, true]);
    for (const path of ["/.well-known/.env", "/.well-known/a/.git/b", "/.env", "/.well-knownx/a"])
      expect([path, dotted.test(path), wellKnown.test(path)]).toEqual([path, true, false]);
  });
});
