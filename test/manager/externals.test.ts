/** What a reload makes of apps that somebody else starts. */
import { describe, expect, test } from "@jest/globals";
import type { External } from "../../src/config/app.ts";
import { planExternals, takeOver } from "../../src/manager/externals.ts";

const php: External = { name: "php", listen: { kind: "unix", path: "/run/php.sock" } };
const maps: External = { name: "maps", listen: { kind: "tcp", host: "2001:db8::1", port: 9000 } };
const moved: External = { name: "maps", listen: { kind: "tcp", host: "maps.example.org", port: 9000 } };

const brief = (before: readonly External[], after: readonly External[], app?: string) =>
  planExternals(before, after, app).map(({ app: name, action, changes }) => [name, action, ...changes]);

describe("planExternals", () => {
  test("names what comes, changes, stays and goes, those of the config first", () => {
    expect(brief([php, maps], [moved, php])).toEqual([
      ["maps", "moved", "address: [2001:db8::1]:9000 -> maps.example.org:9000"],
      ["php", "unchanged"],
    ]);
    expect(brief([php], [maps])).toEqual([
      ["maps", "added", "new in the config, at [2001:db8::1]:9000"],
      ["php", "removed", "no longer in the config as an external app"],
    ]);
  });

  test("of one that is named says nothing of the others", () => {
    expect(brief([php], [maps], "maps")).toEqual([["maps", "added", "new in the config, at [2001:db8::1]:9000"]]);
    expect(brief([php], [maps], "blog")).toEqual([]);
  });
});

describe("takeOver", () => {
  test("takes all of the config, in its order", () => {
    expect(takeOver([php, maps], [moved], undefined)).toEqual([moved]);
  });

  test("takes the one that is named, in its place, and leaves the others as they are", () => {
    expect(takeOver([maps, php], [moved], "maps")).toEqual([moved, php]);
    expect(takeOver([maps, php], [moved], "php")).toEqual([maps]);
    expect(takeOver([php], [moved], "maps")).toEqual([php, moved]);
    expect(takeOver([php], [moved], "blog")).toEqual([php]);
  });
});
