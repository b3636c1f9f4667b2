/** FastCGI 1.0, section 4: management records. */
import { describe, expect, jest, test } from "@jest/globals";
import { echo, transports, useServers } from "./conformance.ts";
import * as raw from "./raw-peer.ts";
import { begin, pair, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const { start } = useServers();

/** The pairs of a GET_VALUES_RESULT whose lengths all take one byte. */
function readPairs(content: Buffer): Record<string, string> {
  const found: [string, string][] = [];
  for (let at = 0; at < content.length; ) {
    const [name = 0, value = 0] = content.subarray(at, at + 2);
    const text = content.toString("latin1", at + 2, at + 2 + name + value);
    found.push([text.slice(0, name), text.slice(name)]);
    at += 2 + name + value;
  }
  return Object.fromEntries(found);
}

describe.each(transports)("GET_VALUES over %s", (transport) => {
  test("is answered in one record with the values of the names that are known (4.1)", async () => {
    const { peer } = await start(echo, { maxConnections: 7, maxRequestsPerConnection: 3 }, transport);
    const web = peer();
    const answer = readPairs(
      await web.values("FCGI_MPXS_CONNS", "FCGI_NONSENSE", "FCGI_MAX_CONNS", "", "FCGI_MAX_REQS"),
    );
    expect(answer).toEqual({ FCGI_MAX_CONNS: "7", FCGI_MAX_REQS: "21", FCGI_MPXS_CONNS: "1" });
    expect(web.records).toHaveLength(1);
  });
});

test("GET_VALUES gets only what it asked for, and names are told apart by case (4.1)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  expect(readPairs(await web.values("FCGI_MPXS_CONNS"))).toEqual({ FCGI_MPXS_CONNS: "1" });
  expect(readPairs(await web.values("fcgi_mpxs_conns", "__proto__", "FCGI_MAX_CONN"))).toEqual({});
  expect(readPairs(await web.values())).toEqual({});
});

test("GET_VALUES with values, doubles and long forms of lengths is a query all the same (4.1, 3.4)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  const long = { name: true, value: true };
  const content = Buffer.concat([pair("FCGI_MPXS_CONNS", "9", long), pair("FCGI_MPXS_CONNS", "")]);
  expect(readPairs(await web.query(content))).toEqual({ FCGI_MPXS_CONNS: "1" });
});

test("GET_VALUES is answered at any time: between the records of a request, while it works, with many (4.1)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  const steps = [
    begin(),
    record(raw.PARAMS, 1, raw.pair("A", "1").subarray(0, 3)),
    record(raw.PARAMS, 1, "1"),
    record(raw.PARAMS, 1),
    record(raw.STDIN, 1, "x"),
  ];
  for (const step of steps) {
    web.send(step);
    expect(readPairs(await web.values("FCGI_MPXS_CONNS"))).toEqual({ FCGI_MPXS_CONNS: "1" });
  }
  web.send(record(raw.STDIN, 1));
  expect((await web.answer()).body).toBe("x");
  expect(web.runs(0)[0]).toHaveLength(steps.length);
});

test("GET_VALUES does not make a connection one that had a request: it stays open (3.5)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  for (let n = 0; n < 20; n += 1) await web.values("FCGI_MAX_REQS");
  web.send(raw.whole(1, {}, "after"));
  expect((await web.answer()).body).toBe("after");
});

test("GET_VALUES whose pairs are cut disturbs no other connection (3.4, 4.1)", async () => {
  const { peer } = await start(echo);
  const [bad, good] = [peer(), peer()];
  await good.greet();
  bad.send(record(raw.GET_VALUES, 0, Uint8Array.of(15, 0, 70, 67)), raw.whole(1, {}, "x"));
  await Promise.race([bad.left(), bad.answer()]).catch(() => {});
  good.send(raw.whole(1, {}, "goes on"));
  expect((await good.answer()).body).toBe("goes on");
});

test("a management type that is unknown is answered with UNKNOWN_TYPE, its content skipped (4.2)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  const types = Array.from({ length: 244 }, (_, index) => index + 12);
  for (const type of types) web.send(record(type, 0, Buffer.alloc(type * 10, 1), { padding: type }));
  web.send(raw.whole(1, {}, "x"));
  expect((await web.answer()).body).toBe("x");
  const told = web.records.filter(({ type }) => type === raw.UNKNOWN_TYPE);
  expect(told.map(({ id, content }) => [id, content[0]])).toEqual(types.map((type) => [0, type]));
});

test("a type of 0 with id 0 is unknown too, in the middle of a request as well (4.2)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  web.send(begin(), record(0, 0), stream(raw.PARAMS, 1, ""), record(200, 0, "?"), stream(raw.STDIN, 1, "x"));
  expect((await web.answer()).body).toBe("x");
  expect(web.runs(0)[0]?.map(({ type, content }) => [type, content[0]])).toEqual([
    [raw.UNKNOWN_TYPE, 0],
    [raw.UNKNOWN_TYPE, 200],
  ]);
});

test("what only an application sends is not obeyed: GET_VALUES_RESULT and UNKNOWN_TYPE from the web server (4.1, 4.2)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  web.send(
    record(raw.GET_VALUES_RESULT, 0, pair("FCGI_MPXS_CONNS", "0")),
    record(raw.UNKNOWN_TYPE, 0, Buffer.alloc(8, 9)),
  );
  expect(readPairs(await web.values("FCGI_MPXS_CONNS"))).toEqual({ FCGI_MPXS_CONNS: "1" });
  web.send(raw.whole(1, {}, "x"));
  expect((await web.answer()).body).toBe("x");
});

test("no management record is ever sent that was not asked for (4: nginx answers such a one with 502)", async () => {
  const { peer } = await start(echo);
  const web = peer();
  for (let n = 1; n <= 10; n += 1) {
    web.send(raw.whole(1, {}, "x"));
    await web.answer(1, n);
  }
  expect(web.runs(0)).toEqual([[]]);
});
