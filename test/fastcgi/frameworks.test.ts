/** Express, Fastify, Koa and Hono behind FastCGI: each question has the same answer as without it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type Ask, buildMain, startBoth } from "./frameworks/both.ts";
import { file, names, rows } from "./frameworks/questions.ts";
import { makeDirectory, Undo } from "./peers.ts";

jest.setTimeout(60_000);

const forAll = new Undo();
let [main, files] = ["", ""];
beforeAll(() => {
  main = buildMain(forAll);
  files = makeDirectory(forAll);
  writeFileSync(join(files, "file.txt"), "line of a file\n".repeat(100));
});
afterAll(() => forAll.all());

describe.each(names)("%s", (name) => {
  const undo = new Undo();
  let [fastCgi, judge] = [undefined, undefined] as unknown as [Ask, Ask];
  beforeAll(async () => {
    ({ fastCgi, judge } = await startBoth(main, name, files, undo));
  });
  afterAll(() => undo.all());

  test.each(Object.entries(rows))("answers as ever: %s", async (_title, { question, status, body }) => {
    const [answer, expected] = await Promise.all([fastCgi(question), judge(question)]);
    expect(answer).toEqual(expected);
    expect(answer.status).toBe(typeof status === "number" ? status : status[name]);
    if (body !== undefined) expect(answer.body).toMatch(body);
  });

  test("answers 304 to who has the file already", async () => {
    const { headers } = await fastCgi(file({}));
    const etag = headers.find(([header]) => header.toLowerCase() === "etag")?.[1] ?? "";
    expect(etag).not.toBe("");
    const question = file({ "If-None-Match": etag });
    const answer = await fastCgi(question);
    expect(answer).toMatchObject({ status: 304, body: "" });
    expect(answer).toEqual(await judge(question));
  });

  test("sets two cookies in two headers", async () => {
    const { headers } = await fastCgi({ uri: "/cookies" });
    const cookies = headers.filter(([header]) => header.toLowerCase() === "set-cookie").map(([, value]) => value);
    expect(cookies).toEqual([expect.stringMatching(/^a=1; Path=\/; HttpOnly/i), expect.stringMatching(/^b=/)]);
  });

  test("shows an answer that breaks off as one that is not complete, as ever", async () => {
    const question = { uri: "/breaks" };
    await expect(judge(question)).rejects.toThrow();
    await expect(fastCgi(question)).rejects.toThrow();
    expect((await fastCgi({ uri: "/hello/x" })).status).toBe(200);
  });

  test("knows the browser's address, and that it came by HTTPS, from the web server", async () => {
    const { body } = await fastCgi({ uri: "/about", https: true, remoteAddress: "2001:db8::7" });
    const about = JSON.parse(body) as Record<string, unknown>;
    expect(about).toMatchObject({ hostname: "site.test", protocol: expect.stringMatching(/^https:?$/) });
    if (name !== "hono") expect(about["ip"]).toBe("2001:db8::7");
  });

  test("answers many at once, each its own", async () => {
    const sizes = Array.from({ length: 40 }, (_, index) => index * 5000);
    const answers = await Promise.all(sizes.map((size) => fastCgi({ uri: `/down?size=${size}` })));
    expect(answers.map(({ body }) => body.length)).toEqual(sizes);
  });
});
