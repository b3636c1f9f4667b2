import { expect, test } from "@jest/globals";
import { namePattern } from "../src/config/read-app.ts";
import { plainName } from "../src/plain-name.ts";
import fc from "./helpers/chance.ts";

test.each([
  ["blog", "blog"],
  ["über", "uber"],
  ["Café crème", "Cafe-creme"],
  ["my app!", "my-app"],
  ["app.v2_old", "app.v2_old"],
  ["..-", ""],
  ["博客", ""],
])("%j is called %j", (text, name) => {
  expect(plainName(text)).toBe(name);
});

test("whatever is left is a name that a config may have, and stays as it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const name = plainName(text);
      if (name !== "") expect(name).toMatch(namePattern);
      expect(plainName(name)).toBe(name);
    }),
  );
});
