/** FastCGI 1.0, sections 2.3 and 3.2: FCGI_WEB_SERVER_ADDRS. */
import { afterEach, expect, jest, test } from "@jest/globals";
import { echo, useServers } from "./conformance.ts";
import * as raw from "./raw-peer.ts";

jest.setTimeout(60_000);
const { start } = useServers();
afterEach(() => {
  delete process.env["FCGI_WEB_SERVER_ADDRS"];
});

test.each([
  ["is not set", undefined],
  ["is empty", ""],
  ["names the peer", "127.0.0.1"],
  ["names the peer among others", "199.170.183.28,127.0.0.1,199.170.183.71"],
  ["has blanks around its commas", " 10.0.0.1 , 127.0.0.1 "],
])("if it %s, the peer is served over TCP (3.2)", async (_name, addresses) => {
  if (addresses !== undefined) process.env["FCGI_WEB_SERVER_ADDRS"] = addresses;
  const { peer } = await start(echo, {}, "tcp");
  const web = peer();
  web.send(raw.whole(1, {}, "x"));
  expect((await web.answer()).body).toBe("x");
});

test.each([
  ["names another", "10.0.0.1"],
  ["names one whose text begins alike", "127.0.0.10"],
  ["names one whose text ends alike", "27.0.0.1"],
  ["names nothing that is an address", "localhost"],
])(
  "if it %s, the connection is closed with no record sent (3.2: responds by closing the connection)",
  async (_name, addresses) => {
    process.env["FCGI_WEB_SERVER_ADDRS"] = addresses;
    const { peer, problems } = await start(echo, {}, "tcp");
    for (let n = 0; n < 3; n += 1) {
      const web = peer();
      web.send(raw.whole(1, {}, "x"));
      await web.left();
      expect(web.records).toEqual([]);
    }
    expect(problems.map(({ code }) => code)).toEqual(["FCGI_PEER_FORBIDDEN"]);
  },
);
