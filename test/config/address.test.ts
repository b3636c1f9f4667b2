import { expect, test } from "@jest/globals";
import type { Address } from "../../src/config/address.ts";
import { isSameAddress, parseIp, parsePort } from "../../src/config/address.ts";

test.each([
  ["9000", "127.0.0.1", 9000],
  ["1", "127.0.0.1", 1],
  ["65535", "127.0.0.1", 65_535],
  ["127.0.0.1:9000", "127.0.0.1", 9000],
  ["192.0.2.7:80", "192.0.2.7", 80],
  ["localhost:9000", "127.0.0.1", 9000],
  ["*:9000", "0.0.0.0", 9000],
  ["[::1]:9000", "::1", 9000],
  ["[::]:9000", "::", 9000],
  ["[0:0:0:0:0:0:0:1]:9000", "::1", 9000],
  ["[2001:DB8::0:1]:9000", "2001:db8::1", 9000],
])("%s is an address", (text, host, port) => {
  expect(parsePort(text)).toEqual({ host, port });
});

test.each(["", "0", "65536", "-1", "9000 ", "90.5", "http", "127.0.0.1:", ":"])(
  "%j has no port from 1 to 65535",
  (text) => {
    expect(parsePort(text)).toContain("expected a port from 1 to 65535");
  },
);

test.each([
  "web.example:9000",
  "127.1:9000",
  "256.0.0.1:9000",
  "[127.0.0.1]:9000",
  ":9000",
  "[]:9000",
  "[::1%lo]:80",
  "0x7f.1:9000",
  "01.2.3.4:80",
])("%s has a host that is no IP address", (text) => {
  expect(parsePort(text)).toContain("expected an IP address before the port");
});

test("an IPv6 address without brackets is told to wear them", () => {
  expect(parsePort("::1:9000")).toBe('write an IPv6 address in brackets: "[::1]:9000"');
});

test.each(["127.0.0.1", "0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1", "::ffff:c000:207"])(
  "%s is canonical",
  (text) => {
    expect(parseIp(text)).toBe(text);
  },
);

test.each(["", "1.2.3", "1.2.3.4.5", "localhost", ":", ":::", "1::2::3", "12345::", "::1]/[", "g::", "1.2.3.4\n"])(
  "%j is no IP address",
  (text) => {
    expect(parseIp(text)).toBeUndefined();
  },
);

test.each<[string, string, boolean]>([
  ["127.0.0.1:1", "127.0.0.1:1", true],
  ["127.0.0.1:1", "127.0.0.1:2", false],
  ["127.0.0.1:1", "127.0.0.2:1", false],
  ["0.0.0.0:1", "127.0.0.1:1", true],
  ["127.0.0.1:1", "*:1", true],
  ["0.0.0.0:1", "[::1]:1", false],
  ["[::]:1", "[::1]:1", true],
  ["[::]:1", "127.0.0.1:1", true],
  ["[::]:1", "0.0.0.0:1", true],
])("%s and %s: the same listener? %s", (one, other, same) => {
  expect(isSameAddress(parsePort(one) as Address, parsePort(other) as Address)).toBe(same);
});
