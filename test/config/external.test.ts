/** Apps that somebody else starts: what is known of them, and where they are no apps of ours. */
import { describe, expect, test } from "@jest/globals";
import { parseRemotePort } from "../../src/config/address.ts";
import { notOfExternal } from "../../src/config/external.ts";
import { appKeys } from "../../src/config/keys.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { complaintsOf, context, fixture, parseText } from "./context.ts";

test("of an external app its name and its address are known, and nothing of [defaults]", async () => {
  const { apps, externals } = await parseConfig([fixture("valid", "external.toml")], context);
  expect(apps.map(({ name }) => name)).toEqual(["blog"]);
  expect(externals).toEqual([
    { name: "php", listen: { kind: "unix", path: "/etc/run/php.sock" } },
    { name: "maps", listen: { kind: "tcp", host: "maps.example.org", port: 9000 } },
    { name: "maps-again", listen: { kind: "tcp", host: "maps.example.org", port: 9000 } },
    { name: "here", listen: { kind: "tcp", host: "127.0.0.1", port: 9001 } },
    { name: "there", listen: { kind: "tcp", host: "2001:db8::7", port: 9000 } },
    { name: "far", listen: { kind: "tcp", host: "192.0.2.7", port: 9000 } },
  ]);
});

test("a file with external apps alone is right", async () => {
  const config = await parseText("[apps.maps]\nexternal = true\nport = 9000\n");
  expect(config.apps).toEqual([]);
  expect(config.externals).toHaveLength(1);
});

test("an external app has no name of another one", async () => {
  const files = [
    { path: "/etc/fcgi-pm.toml", text: 'include = ["more.toml"]\n[apps.blog]\ncommand = ["/srv/blog"]\n' },
    { path: "/etc/more.toml", text: "[apps.blog]\nexternal = true\nport = 9000\n" },
  ];
  expect((await complaintsOf(files)).message).toContain("an app of this name stands in /etc/fcgi-pm.toml, too");
});

test.each(notOfExternal)("%s is refused beside external", async (key) => {
  const text = `[apps.maps]\nexternal = true\nport = 9000\n${key} = false\n`;
  const { problems } = await complaintsOf([{ path: "/etc/fcgi-pm.toml", text }]);
  expect(problems).toMatchObject([
    { keyPath: ["apps", "maps", key], line: 4, message: expect.stringMatching("external = true") },
  ]);
});

test("all keys but three are refused", () => {
  expect(notOfExternal).toHaveLength(Object.keys(appKeys).length - 3);
});

describe("the port of an external app", () => {
  test.each([
    ["9000", "127.0.0.1", 9000],
    ["localhost:9000", "127.0.0.1", 9000],
    ["db-1.internal:1", "db-1.internal", 1],
    ["app:65535", "app", 65_535],
    ["10.1.2.3:9000", "10.1.2.3", 9000],
    ["[2001:DB8::1]:9000", "2001:db8::1", 9000],
  ])("%s is understood", (text, host, port) => {
    expect(parseRemotePort(text)).toEqual({ host, port });
  });

  test.each([
    "*:9000",
    "0.0.0.0:9000",
    "[::]:9000",
    "app:0",
    "app:65536",
    "app",
    "-app:9000",
    "a b:9000",
    "256.1.1.1:9000",
    "",
  ])("%j is refused", (text) => {
    expect(typeof parseRemotePort(text)).toBe("string");
  });
});
