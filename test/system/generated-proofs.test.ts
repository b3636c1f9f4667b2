/** Whatever site is described, the server's own test of its configuration accepts the file, or fcgi-pm has refused to write it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { FcgiPmError } from "../../src/errors.ts";
import { generateWebServer } from "../../src/generate/web.ts";
import type { Mounted, WebAddress, WebApp, WebKind, WebProgram, WebSite } from "../../src/generate/web-site.ts";
import fc from "../helpers/chance.ts";
import { complaintOf } from "../helpers/generated-servers.ts";
import { discard } from "../helpers/manager.ts";
import { publicDirectory } from "../helpers/webservers.ts";

jest.setTimeout(240_000);

const kinds: readonly WebKind[] = ["nginx", "apache", "lighttpd", "haproxy", "caddy"];
const sitesOfEach = 12;

const word = fc.string({ unit: fc.constantFrom(..."abXY09_-."), minLength: 1, maxLength: 8 });
const name = word.map((text) => `a${text}`);
const file = fc.string({ unit: fc.constantFrom(..." '\"\\$;{}#%(*[|<>!aé"), minLength: 1, maxLength: 8 });
const path = fc.array(file, { minLength: 1, maxLength: 2 }).map((parts) => `/${parts.join("/")}`);
const address: fc.Arbitrary<WebAddress> = fc.oneof(
  path.map((socket): WebAddress => ({ kind: "unix", path: `/run${socket}.sock` })),
  fc.constantFrom<WebAddress>(
    { kind: "tcp", host: "127.0.0.1", port: 9000 },
    { kind: "tcp", host: "::1", port: 9001 },
    { kind: "tcp", host: "localhost", port: 9002 },
  ),
);
const program: fc.Arbitrary<WebProgram> = fc.oneof(
  fc.constant<WebProgram>({ kind: "application" }),
  path.map((script): WebProgram => ({ kind: "application", script })),
  fc.record({
    kind: fc.constant("scripts" as const),
    root: path,
    extensions: fc.constantFrom(["php"], ["cgi", "pl"]),
    index: fc.constantFrom([], ["index.php"], ["a b.php", "index.html"]),
  }),
);
const app: fc.Arbitrary<WebApp> = fc.record({
  name,
  listen: address,
  program,
  connections: fc.constantFrom(undefined, "any" as const, 1, 16, 400),
  keepsConnections: fc.boolean(),
  patienceSeconds: fc.integer({ min: 60, max: 3600 }),
  rights: fc.constantFrom(undefined, { mode: 0o660, user: "app", group: "app" }),
});
const one: fc.Arbitrary<readonly [Mounted, ...Mounted[]]> = fc
  .tuple(app, name, fc.boolean(), fc.option(path, { nil: undefined }))
  .map(([app, at, isRoot, files]) => {
    const isStatic = app.program.kind === "application";
    return [{ app, at: isRoot ? "" : `/${at}`, static: isStatic ? files : undefined }];
  });
const several = fc
  .uniqueArray(app, { minLength: 2, maxLength: 4, selector: ({ name }) => name.toLowerCase() })
  .map((apps) => apps.map((app): Mounted => ({ app, at: `/${app.name}` })) as [Mounted, ...Mounted[]]);
const site: fc.Arbitrary<WebSite> = fc.record({
  apps: fc.oneof(one, several),
  serverName: fc.constantFrom(undefined, "blog.example"),
  listen: fc.record({ host: fc.constantFrom("127.0.0.1", "::1"), port: fc.integer({ min: 8000, max: 9999 }) }),
  processors: fc.constantFrom(1, 8),
});

let directory: string;
beforeAll(() => {
  directory = publicDirectory("fpm-");
  for (const part of ["htdocs", "tmp"]) mkdirSync(join(directory, part));
});
afterAll(() => discard(directory));

/** Undefined: it was refused, with the reason. */
function written(kind: WebKind, wanted: WebSite): string | undefined {
  try {
    return generateWebServer(kind, wanted);
  } catch (error) {
    const isRefusal = error instanceof FcgiPmError && /^Cannot (write|serve|name) /.test(error.message);
    if (isRefusal) return undefined;
    throw error;
  }
}

describe.each(kinds)("%s", (kind) => {
  test(`accepts ${sitesOfEach} random sites`, () => {
    const texts: string[] = [];
    for (const wanted of fc.sample(site, 40 * sitesOfEach)) {
      const text = texts.length < sitesOfEach ? written(kind, wanted) : undefined;
      if (text !== undefined) texts.push(text);
    }
    expect(texts).toHaveLength(sitesOfEach);
    for (const text of texts) expect(complaintOf(kind, text, directory)).toBeUndefined();
  });

  test("refuses a file with a brace and two words too many", () => {
    const texts = fc.sample(site, 200).flatMap((wanted) => written(kind, wanted) ?? []);
    expect(complaintOf(kind, `${texts[0]}\n}\nnonsense nonsense\n`, directory)).toBeDefined();
  });
});

describe("lighttpd, as Debian configures it", () => {
  const fact = { connections: 4, keepsConnections: true, patienceSeconds: 60, rights: undefined };
  const php: WebProgram = { kind: "scripts", root: "/srv/shop", extensions: ["php"], index: ["index.php"] };
  const mounts: readonly (readonly [string, WebProgram, string, string | undefined])[] = [
    ["an application", { kind: "application" }, "", undefined],
    ["an application with files", { kind: "application" }, "", "/srv/blog/public"],
    ["an application with files at /app", { kind: "application" }, "/app", "/srv/blog/public"],
    ["PHP", php, "", undefined],
    ["PHP at /shop", php, "/shop", undefined],
  ];

  test.each(mounts)("takes a file for %s beside its own settings", (_what, program, at, files) => {
    const app: WebApp = { name: "app", listen: { kind: "unix", path: "/run/app.sock" }, program, ...fact };
    const listen = { host: undefined, port: 80 };
    const text = generateWebServer("lighttpd", {
      apps: [{ app, at, static: files }],
      serverName: undefined,
      listen,
      processors: 2,
    });
    const [file, frame] = [join(directory, "90-app.conf"), join(directory, "debian.conf")];
    writeFileSync(file, text);
    writeFileSync(frame, `${readFileSync("/etc/lighttpd/lighttpd.conf", "utf8")}\ninclude "${file}"\n`);
    const { status, stderr } = spawnSync("/usr/sbin/lighttpd", ["-tt", "-f", frame], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });
});
