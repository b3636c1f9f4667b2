/** Users and groups of this machine, with id(1) as the judge. */
import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { ownGroupOf } from "../../src/os/identity.ts";

test.each(["root", "www-data", "nobody", "65534", "no-such-user", "54321"])(
  "the own group of %s is what id says",
  (user) => {
    const { status, stdout } = spawnSync("id", ["-gn", user], { encoding: "utf8" });
    expect(ownGroupOf(user)).toBe(status === 0 ? stdout.trim() : undefined);
  },
);

test("the own group of nobody is not called nobody", () => {
  expect(ownGroupOf("nobody")).toBe("nogroup");
});
