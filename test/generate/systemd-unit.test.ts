/** Words of unit files, as the rules of systemd.syntax(7) and systemd.service(5) read them back. */
import { describe, expect, test } from "@jest/globals";
import { execWord, pathWord, plainValue, renderUnit, setting, unitMark } from "../../src/generate/systemd-unit.ts";
import fc from "../helpers/chance.ts";

/** Splits at spaces outside of quotes, takes backslashes and quotes away, then replaces `%%` and, in commands, `$$`. */
function wordsOf(line: string, isCommand: boolean): string[] {
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(
    ([, inQuotes, plain]) => inQuotes?.replace(/\\(["\\])/g, "$1") ?? plain ?? "",
  );
  const specific = words.map((word) => word.replaceAll("%%", "%"));
  return isCommand ? specific.map((word) => word.replaceAll("$$", "$")) : specific;
}

const pathText = fc
  .string({ unit: fc.constantFrom(..."ab/ %$\"\\';#ä{}*=~@"), minLength: 1 })
  .map((text) => `/${text}`);

describe("a word of a unit", () => {
  test("is read back as what it was, whatever is in it", () => {
    fc.assert(
      fc.property(fc.array(pathText, { minLength: 1, maxLength: 4 }), (paths) => {
        expect(wordsOf(paths.map(execWord).join(" "), true)).toEqual(paths);
        expect(wordsOf(paths.map(pathWord).join(" "), false)).toEqual(paths);
      }),
    );
  });

  test("stays as it is where nothing in it has a meaning", () => {
    expect(execWord("/usr/bin/node")).toBe("/usr/bin/node");
    expect(execWord("/srv/my site/100% $HOME.toml")).toBe('"/srv/my site/100%% $$HOME.toml"');
    expect(pathWord("-/var/www/$x")).toBe("-/var/www/$x");
    expect(plainValue('/run/my "app".sock')).toBe('/run/my "app".sock');
  });

  test("cannot have a line in it, nor what a line loses at its ends", () => {
    for (const write of [execWord, pathWord, plainValue])
      expect(() => write("/srv/a\nExecStart=/bin/sh")).toThrow(
        expect.objectContaining({ code: "FCGI_PM_VALUE_INEXPRESSIBLE" }),
      );
    for (const value of ["/run/x ", " /run/x", "/run/x\\"])
      expect(() => plainValue(value)).toThrow(/begins or ends with a space, or ends with a backslash/);
  });
});

describe("a unit file", () => {
  test("begins with the mark of fcgi-pm, and has its comments wrapped above the lines they are about", () => {
    const why = `${"one word after the other ".repeat(6)}until the end`;
    const text = renderUnit({
      file: "x.service",
      about: "What it is.",
      sections: [{ name: "Service", settings: [setting(why, "Type=notify", "NotifyAccess=main")] }],
    });
    const lines = text.split("\n");
    expect(lines.slice(0, 4)).toEqual([unitMark, "# What it is.", "", "[Service]"]);
    expect(lines.slice(-3)).toEqual(["Type=notify", "NotifyAccess=main", ""]);
    const comments = lines.slice(4, -3);
    expect(comments.map((line) => line.slice(2)).join(" ")).toBe(why);
    expect(comments.every((line) => line.length <= 102)).toBe(true);
  });
});
