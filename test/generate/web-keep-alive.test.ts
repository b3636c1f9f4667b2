import { describe, expect, test } from "@jest/globals";
import { explainKept, keptConnections } from "../../src/generate/web-keep-alive.ts";
import type { Mounted } from "../../src/generate/web-site.ts";
import fc from "../helpers/chance.ts";

function app(connections: number | "any" | undefined, keepsConnections = true): Mounted {
  return {
    at: "",
    app: {
      name: "blog",
      listen: { kind: "unix", path: "/run/blog.sock" },
      program: { kind: "application" },
      connections,
      keepsConnections,
      patienceSeconds: 60,
      rights: undefined,
    },
  };
}

describe("keptConnections", () => {
  test("all processes of the web server together never hold more than a quarter of what the workers take", () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.integer({ min: 1, max: 256 }), (connections, processes) => {
        expect(keptConnections(app(connections), processes) * processes).toBeLessThanOrEqual(connections / 4);
      }),
    );
  });

  test("16 workers bear two for each of two processes, 7 bear none", () => {
    expect([keptConnections(app(16), 2), keptConnections(app(7), 2)]).toEqual([2, 0]);
  });

  test("a worker that takes as many as come bears some, whatever the processes", () => {
    expect(keptConnections(app("any"), 64)).toBeGreaterThan(0);
  });

  test("neither unknown workers nor a program that may close by itself bear any, and the comment says why", () => {
    expect([keptConnections(app(undefined), 1), keptConnections(app(1000, false), 1)]).toEqual([0, 0]);
    expect(explainKept(app(undefined), 0, 1)).toContain("it is not known how many workers there are");
    expect(explainKept(app(1000, false), 0, 1)).toContain("whether this program keeps its end open is not known");
  });
});
