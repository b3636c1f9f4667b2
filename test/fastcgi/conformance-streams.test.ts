/** FastCGI 1.0, sections 5.3, 6.1 and 6.2: STDIN, STDOUT and STDERR of a responder. */
import { describe, expect, jest, test } from "@jest/globals";
import { echo, gate, type Handler, mirror, mirrored, readAll, transports, useServers } from "./conformance.ts";
import { untilStill } from "./peers.ts";
import * as raw from "./raw-peer.ts";
import { begin, record, stream } from "./raw-peer.ts";

jest.setTimeout(60_000);
const { start } = useServers();
const noParams = stream(raw.PARAMS, 1, "");

describe("STDIN", () => {
  test("may be empty (3.3: zero or more records, then an empty one)", async () => {
    const { peer } = await start(echo);
    const web = peer();
    web.send(begin(), noParams, record(raw.STDIN, 1));
    expect((await web.answer()).body).toBe("");
  });

  test.each([1, 7, 8, 1000, 65_528, 65_535])("is the same in records of %d bytes (3.3, 5.3)", async (size) => {
    const { peer } = await start(echo);
    const web = peer();
    const bytes = Buffer.from(Array.from({ length: size === 1 ? 3000 : 200_000 }, (_, index) => (index * 7) & 255));
    web.send(begin(), noParams, stream(raw.STDIN, 1, bytes, size));
    expect((await web.answer()).body === bytes.toString("latin1")).toBe(true);
  });

  test.each(transports)("of 64 MiB over %s comes no faster than a slow handler takes it (5.3)", async (transport) => {
    const size = 64 * 1024 * 1024;
    let most = 0;
    const slow: Handler = async ({ body }) => {
      let got = 0;
      for await (const piece of body) {
        got += piece.length;
        // Every now and then the handler rests so long that everything comes that is going to.
        if (got % 4_194_304 < piece.length) await untilStill(() => web.socket.bytesWritten);
        const taken = web.socket.bytesWritten - web.socket.writableLength - got;
        most = Math.max(most, taken);
      }
      return { body: String(got) };
    };
    const { peer } = await start(slow, {}, transport);
    const web = peer();
    web.send(begin(), noParams);
    const piece = Buffer.concat(Array.from({ length: 16 }, () => record(raw.STDIN, 1, Buffer.alloc(65_536 - 1024))));
    const pieces = Math.ceil(size / (16 * (65_536 - 1024)));
    for (let sent = 0; sent < pieces; sent += 1) {
      if (!web.socket.write(piece)) await new Promise((resolve) => web.socket.once("drain", resolve));
    }
    web.send(record(raw.STDIN, 1));
    expect((await web.answer()).body).toBe(String(pieces * 16 * (65_536 - 1024)));
    // What neither the handler nor we have is in the kernel's buffers (TCP: up to 10 MB on loopback) and in the server's memory.
    expect(most).toBeLessThan(transport === "unix" ? 2_000_000 : 16_000_000);
  });

  test("may be answered before it is complete (6.2: it needn't finish reading from FCGI_STDIN before it begins writing)", async () => {
    const { peer } = await start(({ body }) => ({ body }));
    const web = peer();
    web.send(begin(), noParams, record(raw.STDIN, 1, "one"));
    while (!web.runs()[0]?.some(({ content }) => content.toString().endsWith("one"))) await web.values();
    web.send(record(raw.STDIN, 1, "two"), record(raw.STDIN, 1));
    expect((await web.answer()).body).toBe("onetwo");
  });

  test("that nobody reads does not stand in the way of the next request of a kept connection (3.3, 5.1)", async () => {
    const { peer } = await start(({ params }) => ({ body: params.get("N") ?? "" }));
    const web = peer();
    for (let n = 1; n <= 3; n += 1) {
      web.send(raw.whole(1, { N: String(n) }, Buffer.alloc(500_000, n)));
      expect((await web.answer(1, n)).body).toBe(String(n));
    }
    web.send(raw.whole(2, { N: "last" }, ""));
    expect((await web.answer(2)).body).toBe("last");
  });

  test("that a handler stops reading in the middle does not stand in the way either (3.3, 5.1)", async () => {
    const { peer } = await start(async ({ params, body }) => {
      for await (const piece of body) if (piece.length > 0) break;
      return { body: params.get("N") ?? "" };
    });
    const web = peer();
    web.send(raw.whole(1, { N: "1" }, Buffer.alloc(500_000)), raw.whole(2, { N: "2" }, "x"));
    expect((await web.answer(1)).body).toBe("1");
    expect((await web.answer(2)).body).toBe("2");
  });

  test("that a handler has given up does not hold up the next request while that handler still works (3.3)", async () => {
    const { open, opened } = gate();
    const { peer } = await start(async ({ params, body }) => {
      if (params.get("N") === "2") open();
      else for await (const piece of body) if (piece.length > 0) break;
      await opened;
      return { body: params.get("N") ?? "" };
    });
    const web = peer();
    web.send(raw.whole(1, { N: "1" }, Buffer.alloc(2_000_000)), raw.whole(2, { N: "2" }));
    expect([(await web.answer(1)).body, (await web.answer(2)).body]).toEqual(["1", "2"]);
  });

  test("is over at its empty record: what comes after it is nobody's (3.3)", async () => {
    const { open, opened } = gate();
    const { peer } = await start(async ({ body }) => {
      await opened;
      return { body: await readAll(body) };
    });
    const web = peer();
    web.send(begin(), noParams, stream(raw.STDIN, 1, "body"), stream(raw.STDIN, 1, " and more"));
    await web.values();
    open();
    expect((await web.answer()).body).toBe("body");
    web.send(raw.whole(1, {}, "next"));
    expect((await web.answer(1, 2)).body).toBe("next");
  });

  test("that comes before the end of PARAMS is served whole or refused, never in part (6.2: first PARAMS, next STDIN)", async () => {
    const { peer } = await start(mirror);
    const web = peer();
    web.send(begin(), record(raw.PARAMS, 1, raw.pair("A", "1")), record(raw.STDIN, 1, "early "));
    web.send(stream(raw.PARAMS, 1, raw.pair("B", "2")), stream(raw.STDIN, 1, "late"));
    const answer = await web.answer().catch(() => undefined);
    if (answer === undefined) expect(web.isLeft).toBe(true);
    else
      expect(mirrored(answer)).toEqual({
        params: [
          ["A", "1"],
          ["B", "2"],
        ],
        body: "early late",
      });
  });

  test("PARAMS after the end of PARAMS change nothing (3.3: the stream has ended)", async () => {
    const { open, opened } = gate();
    const { peer } = await start(async (request) => {
      await opened;
      return mirror(request);
    });
    const web = peer();
    web.send(begin(), stream(raw.PARAMS, 1, raw.pair("A", "1")), stream(raw.PARAMS, 1, raw.pair("A", "2")));
    web.send(record(raw.PARAMS, 1, "\xff\xff"), stream(raw.STDIN, 1, "x"));
    await web.values();
    open();
    expect(mirrored(await web.answer())).toEqual({ params: [["A", "1"]], body: "x" });
  });

  test("that is shorter than CONTENT_LENGTH is told to whoever reads it (6.2: should compare, and abort the update)", async () => {
    const updates: string[] = [];
    const { peer } = await start(async ({ body }) => {
      updates.push((await readAll(body)).toString());
      return {};
    });
    const web = peer();
    web.send(raw.whole(1, { CONTENT_LENGTH: "10", REQUEST_METHOD: "POST" }, "1234567"));
    expect((await web.answer()).stdout).toMatch(/^Status: [45]/);
    web.send(raw.whole(1, { CONTENT_LENGTH: "7", REQUEST_METHOD: "POST" }, "1234567"));
    await web.answer(1, 2);
    expect(updates).toEqual(["1234567"]);
  });
});

describe("STDOUT", () => {
  test.each([0, 1, 7, 8, 65_528, 65_535, 65_536, 1_000_000])(
    "of a body of %d bytes is cut into records of at most 65,535 bytes, ends with one empty record, then END_REQUEST (3.3, 6.1)",
    async (size) => {
      const { peer } = await start(() => ({ body: Buffer.alloc(size, "ab") }));
      const web = peer();
      web.send(raw.whole());
      const answer = await web.answer();
      expect(answer.body === "ab".repeat(size / 2 + 1).slice(0, size)).toBe(true);
      expect(answer.types.slice(-2)).toEqual([raw.STDOUT, raw.END]);
      expect([answer.appStatus, answer.protocolStatus]).toEqual([0, 0]);
    },
  );

  test("has no empty record but the last, whatever pieces the handler makes (3.3: an empty record ends the stream)", async () => {
    async function* pieces() {
      for (const piece of ["", "a", "", "", "b", ""]) yield piece;
    }
    const { peer } = await start(() => ({ body: pieces() }));
    const web = peer();
    web.send(raw.whole());
    const answer = await web.answer();
    expect(answer.body).toBe("ab");
    expect(web.runs()[0]?.filter(({ type, content }) => type === raw.STDOUT && content.length === 0)).toHaveLength(1);
  });

  test("is sent when the handler makes it, not when it is done (5.3, 6.2)", async () => {
    const { open, opened } = gate();
    async function* slow() {
      yield "first";
      await opened;
      yield "second";
    }
    const { peer } = await start(() => ({ body: slow() }));
    const web = peer();
    web.send(raw.whole());
    while (!web.runs()[0]?.some(({ content }) => content.toString().endsWith("first"))) await web.values();
    open();
    expect((await web.answer()).body).toBe("firstsecond");
  });

  test("is never the parsed head of HTTP: its status stands in a Status header (6.1: no non-parsed headers)", async () => {
    const { peer } = await start(() => ({
      status: 404,
      headers: { "Transfer-Encoding": "chunked", Connection: "close" },
      body: "no",
    }));
    const web = peer();
    web.send(raw.whole());
    const { stdout } = await web.answer();
    expect(stdout).toMatch(/^Status: 404 /);
    expect(stdout).not.toMatch(/^(HTTP\/|Transfer-Encoding|Connection)/im);
  });
});

describe("STDERR", () => {
  test("is not sent at all if it is not used (6.1: no FCGI_STDERR records or one zero-length record)", async () => {
    const { peer } = await start(() => ({ body: "x" }));
    const web = peer();
    web.send(raw.whole());
    expect((await web.answer()).stderr).toBe("");
  });

  test("may be interleaved with STDOUT and is not mixed into it (6.1)", async () => {
    const { peer } = await start(({ stderr }) => {
      async function* both() {
        for (let n = 1; n <= 3; n += 1) {
          stderr(`e${n}`);
          yield `o${n}`;
        }
      }
      return { body: both() };
    });
    const web = peer();
    web.send(raw.whole());
    const answer = await web.answer();
    expect([answer.body, answer.stderr]).toEqual(["o1o2o3", "e1e2e3"]);
    expect(answer.types.at(-1)).toBe(raw.END);
  });

  test("of 200 KB takes several records (3.3), and is nothing after the end (6.2)", async () => {
    const late: (() => void)[] = [];
    const { peer } = await start(({ stderr }) => {
      late.push(() => stderr("late"));
      stderr("e".repeat(200_000));
      return {};
    });
    const web = peer();
    web.send(raw.whole());
    expect((await web.answer()).stderr).toBe("e".repeat(200_000));
    late[0]?.();
    await web.values();
    expect(web.runs()).toEqual([expect.anything(), []]);
  });
});

describe("a handler that throws", () => {
  test("before its head gives a 500 that ends as it should, with the reason on STDERR only (7: reported with FCGI_STDERR)", async () => {
    const { peer } = await start(() => {
      throw new Error("on purpose");
    });
    const web = peer();
    web.send(raw.whole());
    const answer = await web.answer();
    expect(answer.stdout).toMatch(/^Status: 500 /);
    expect(answer.stdout).not.toContain("on purpose");
    expect(answer.stderr).toContain("on purpose");
    web.send(raw.whole());
    await web.answer(1, 2);
  });

  test("after its head gives an end that does not look clean (7: the appStatus of FCGI_END_REQUEST)", async () => {
    async function* failing() {
      yield "begun";
      throw new Error("on purpose");
    }
    const { peer } = await start(() => ({ body: failing() }));
    const web = peer();
    web.send(raw.whole());
    const answer = await web.answer().catch(() => undefined);
    if (answer === undefined) expect(web.isLeft).toBe(true);
    else expect([answer.body, answer.appStatus > 0]).toEqual(["begun", true]);
  });
});
