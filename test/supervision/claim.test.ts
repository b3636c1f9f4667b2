import { describe, expect, test } from "@jest/globals";
import type { FcgiPmError } from "../../src/errors.ts";
import { claim } from "../../src/supervision/claim.ts";

interface Listening {
  readonly name: string;
  readonly at: string | undefined;
}

const blog: Listening = { name: "blog", at: "/run/blog.sock" };
const shop: Listening = { name: "shop", at: "127.0.0.1:9000" };
const mailer: Listening = { name: "mailer", at: undefined };
const how = {
  listens: ({ at }: Listening) => at !== undefined,
  isAt: (socket: Listening, { at }: Listening) => socket.at === at,
};

const elsewhere = "/run/elsewhere.sock";

function claimed(...sockets: Listening[]) {
  const { taken, left } = claim(sockets, [blog, shop, mailer], how);
  return { taken: Object.fromEntries(taken), left };
}

function refused(...sockets: Listening[]): FcgiPmError {
  try {
    claimed(...sockets);
  } catch (error) {
    return error as FcgiPmError;
  }
  throw new Error("nothing was refused");
}

describe("a socket that systemd passes", () => {
  test.each(["blog", "fcgi-pm-blog", "blog.socket", "fcgi-pm-blog.socket"])(
    "is blog's by the name %s, wherever it listens",
    (name) => {
      const socket = { name, at: elsewhere };
      expect(claimed(socket)).toEqual({ taken: { blog: socket }, left: [] });
    },
  );

  test.each(["unknown", "fcgi-pm.socket", "web"])("named %s is for the app that wants to listen there", (name) => {
    const socket = { name, at: shop.at };
    expect(claimed(socket)).toEqual({ taken: { shop: socket }, left: [] });
  });

  test("is by its name for one app, though another one wants to listen there", () => {
    const socket = { name: "blog", at: shop.at };
    expect(claimed(socket).taken).toEqual({ blog: socket });
  });

  test.each(["Blog", "blog2", "blog.sock", "fcgi-pm-blog-x", ""])("is for nobody by the name %j", (name) => {
    const socket = { name, at: elsewhere };
    expect(claimed(socket)).toEqual({ taken: {}, left: [socket] });
  });

  test("is refused beside another one for the same app", () => {
    const { code, message } = refused({ name: "blog", at: elsewhere }, { name: "unknown", at: blog.at });
    expect(code).toBe("FCGI_PM_PASSED_SOCKET_WRONG");
    expect(message).toMatch(/two sockets for it, "blog" and "unknown"/);
    expect(refused({ name: "shop", at: "a" }, { name: "shop", at: "b" }).message).toMatch(/both named "shop"/);
  });

  test("is refused by an app that does not listen", () => {
    const { message, remedy } = refused({ name: "mailer", at: elsewhere });
    expect(message).toMatch(/"mailer" for it, but the app has listen = false/);
    expect(remedy).toMatch(/remove listen = false/);
  });
});
