/** The lines of error logs: what they mean, whatever they are wrapped in. */
import { describe, expect, test } from "@jest/globals";
import { explainLog, filledIn, findingOf, unknownFindings } from "../../src/diagnosis/log.ts";
import { entriesOf, plainText } from "../../src/diagnosis/log-line.ts";
import { meanings } from "../../src/diagnosis/log-meanings.ts";
import { logMessages, messageIn } from "../../src/diagnosis/log-messages.ts";
import {
  apacheLines,
  documentedLines,
  lighttpdLines,
  nginxLines,
  phpFpmLines,
  tracebackInNginx,
  uneventfulLines,
} from "./log-lines.ts";

const codesOf = (...lines: readonly string[]): string[] => explainLog(lines).troubles.map(({ code }) => code);
const socket = { kind: "unix", path: "/run/fcgi-pm/hello.sock" } as const;
const port = { kind: "tcp", host: "127.0.0.1", port: 9000 } as const;

describe("a line of", () => {
  test.each(nginxLines)("nginx is known as %s: %s", (means, line) => {
    expect(codesOf(line)).toEqual([means]);
  });

  test.each(apacheLines)("Apache is known as %s: %s", (means, line) => {
    expect(codesOf(line)).toEqual([means]);
  });

  test.each(documentedLines)("mod_fastcgi, mod_fcgid or the documentation is known as %s: %s", (means, line) => {
    expect(codesOf(line)).toEqual([means]);
  });

  test.each(lighttpdLines)("lighttpd is known as %s: %s", (means, line) => {
    expect(codesOf(line)).toEqual([means]);
  });

  test.each(phpFpmLines)("php-fpm is known as %s: %s", (means, line) => {
    expect(codesOf(line)).toEqual([means]);
  });
});

describe("the table", () => {
  test.each(logMessages.map((message) => [message.server, message.example, message] as const))(
    "recognises its own example of %s: %s",
    (_server, example, message) => {
      expect(messageIn(example)).toBe(message);
    },
  );

  test("has a message for each meaning", () => {
    const meant = new Set(logMessages.map(({ means }) => means));
    expect(Object.keys(meanings).filter((code) => !meant.has(code as keyof typeof meanings))).toEqual([]);
  });

  test.each(Object.entries(meanings))("says of %s what it means, why, and what mends it", (code, meaning) => {
    expect(code).toMatch(/^log\.[a-z-]+$/);
    expect(meaning.what).toMatch(/^[a-zAP].*[^.]$/);
    expect(meaning.causes.length).toBeGreaterThan(0);
    expect(meaning.remedy.length).toBeGreaterThan(0);
    const texts = [...meaning.causes, ...meaning.proof, ...meaning.remedy];
    const names = texts.flatMap((text) => text.match(/\{\w+\}/g) ?? []);
    expect(names.filter((name) => !["{app}", "{path}", "{where}"].includes(name))).toEqual([]);
  });
});

describe("the address", () => {
  test.each([
    ["connect() to unix:/run/fcgi-pm/hello.sock failed (2: No such file or directory)", socket],
    ['upstream: "fastcgi://unix:/run/fcgi-pm/hello.sock:", host: "x"', socket],
    ['upstream: "fastcgi://127.0.0.1:9000", host: "x"', port],
    ['upstream: "fastcgi://[::1]:9000", host: "x"', { kind: "tcp", host: "::1", port: 9000 }],
    ["attempt to connect to Unix domain socket /run/fcgi-pm/hello.sock (hello:8000) failed", socket],
    ["attempt to connect to 127.0.0.1:9000 (127.0.0.1:9000) failed", port],
    ["(perhaps the fastcgi process died):pid: 0 socket: unix:/run/fcgi-pm/hello.sock", socket],
    ["establishing connection failed: socket: tcp:127.0.0.1:9000: Connection refused", port],
    ["dialing backend: dial unix /run/fcgi-pm/hello.sock: connect: permission denied", socket],
    ["dial tcp 127.0.0.1:9000: connect: connection refused", port],
    ["unable to bind listening socket for address '/run/fcgi-pm/hello.sock': Address already in use", socket],
  ] as const)("is found in: %s", (line, where) => {
    expect(entriesOf([line])[0]?.where).toEqual(where);
  });

  test.each([
    ["a path that was cut off", 'while reading upstream, upstream: "fastcgi://unix:/run/fcgi-pm/hel'],
    ["a port that was cut off", 'while reading upstream, upstream: "fastcgi://127.0.0.1:90'],
    ["a group of servers", 'no live upstreams while connecting to upstream, upstream: "fastcgi://hello"'],
    ["a port that there cannot be", 'upstream: "fastcgi://127.0.0.1:900000", host'],
    ["a line without one", "FastCGI sent in stderr: boom"],
  ])("is not made up from %s", (_what, line) => {
    expect(entriesOf([line])[0]?.where).toBeUndefined();
  });
});

describe("a line that comes in another form", () => {
  const [, line = ""] = nginxLines[1] ?? [];

  test.each([
    ["with colours", `\u001b[31m${line}\u001b[0m`],
    ["with the line end of Windows", `${line}\r\n`],
    ["from journald", JSON.stringify({ PRIORITY: "3", MESSAGE: line })],
    ["from a container's log", JSON.stringify({ log: `${line}\n`, stream: "stderr", time: "2026-11-21T17:44:51Z" })],
    ["wrapped twice", JSON.stringify({ message: JSON.stringify({ msg: line }) })],
    ["from syslog", `Nov 21 17:44:51 web nginx: ${line}`],
    ["without its beginning", line.slice(30)],
    ["as JSON that was cut off", JSON.stringify({ MESSAGE: line }).slice(0, -40)],
  ])("%s is known all the same", (_form, text) => {
    const [trouble, ...others] = explainLog([text]).troubles;
    expect(trouble?.code).toBe("log.permission-denied");
    expect(trouble?.where).toEqual(socket);
    expect(others).toEqual([]);
  });

  test("of Caddy, which is JSON, is known with its logger and its address", () => {
    const message = "dialing backend: dial unix /run/fcgi-pm/hello.sock: connect: permission denied";
    const record = {
      level: "error",
      ts: 1754435234.34,
      logger: "http.log.error",
      msg: message,
      request: {},
      status: 502,
    };
    const [trouble] = explainLog([JSON.stringify(record)]).troubles;
    expect(trouble?.code).toBe("log.permission-denied");
    expect(trouble?.where).toEqual(socket);
  });

  test("keeps what is no record at all", () => {
    expect(plainText('{"a": 1}')).toBe('{"a": 1}');
    expect(plainText("{ not json }")).toBe("{ not json }");
  });
});

describe("a whole log", () => {
  test("is told by kinds of trouble and addresses, with how often and the last of each", () => {
    const lines = nginxLines.map(([, line]) => line);
    const { troubles } = explainLog([...lines, ...lines, ...uneventfulLines]);
    const refused = troubles.filter(({ code }) => code === "log.connection-refused");
    expect(refused.map(({ where, times }) => [where, times])).toEqual([
      [socket, 2],
      [port, 2],
    ]);
  });

  test("has the lines of one message as one: the traceback that nginx took from an app", () => {
    const { troubles, unknown } = explainLog([...tracebackInNginx, ...nginxLines.slice(0, 1).map(([, line]) => line)]);
    expect(troubles.map(({ code }) => code)).toEqual(["log.missing-module", "log.no-socket"]);
    expect(troubles[0]?.where).toEqual(socket);
    expect(troubles[0]?.lastText).toContain("Traceback");
    expect(unknown).toEqual([]);
  });

  test("ends a message that never closes at the next date", () => {
    const [opening = ""] = tracebackInNginx;
    const { troubles } = explainLog([opening, "more of it", ...nginxLines.slice(0, 1).map(([, line]) => line)]);
    expect(troubles.map(({ code }) => code)).toEqual(["log.stderr", "log.no-socket"]);
  });

  test("is quiet about what is no trouble, and says of each other line that it is unknown", () => {
    expect(explainLog(uneventfulLines)).toEqual({ troubles: [], unknown: [] });
    const { unknown } = explainLog(["", "the cat is on the mat"]);
    expect(unknown).toEqual(["the cat is on the mat"]);
    expect(unknownFindings(unknown)).toMatchObject([{ code: "log.unknown", level: "note", seen: unknown }]);
    expect(unknownFindings([])).toEqual([]);
  });

  test("of many unknown lines names only some", () => {
    const [finding] = unknownFindings(Array.from({ length: 997 }, (_, index) => `line ${index}`));
    expect(finding?.what).toContain("997 lines");
    expect(finding?.seen).toEqual(["line 994", "line 995", "line 996"]);
  });
});

describe("a line that somebody made long", () => {
  test.each([
    ["FastCGI: comm with x aborted: "],
    ['FastCGI: server "x" '],
    ["connect() unix:/x "],
    ["dial dialing http.log.error "],
    ['{"msg":"'],
  ])("of nothing but %j is read to its end", (piece) => {
    expect(explainLog([piece.repeat(20_000), piece.repeat(500)]).troubles.length).toBeLessThanOrEqual(1);
  });

  test("is known by what stands at its end", () => {
    const [opening = "", ...others] = tracebackInNginx;
    const long = [
      opening,
      ..."x"
        .repeat(90)
        .split("")
        .map((letter) => letter.repeat(500)),
      ...others,
    ];
    expect(codesOf(...long)).toEqual(["log.missing-module"]);
  });
});

describe("a finding", () => {
  const troubleOf = (line: string) => {
    const [trouble] = explainLog([line]).troubles;
    if (trouble === undefined) throw new Error(`not known: ${line}`);
    return trouble;
  };

  test("names the app and its socket in its commands", () => {
    const finding = findingOf(troubleOf(nginxLines[7]?.[1] ?? ""), "shop");
    const text = [...finding.seen, ...finding.remedy].join("\n");
    expect(text).toContain("fcgi-pm doctor shop");
    expect(text).toContain("fcgi-pm request / --socket /run/fcgi-pm/hello.sock");
    expect(text).not.toMatch(/[{}]/);
  });

  test("has words for what the line does not say", () => {
    expect(filledIn("{app} {path} {where}", { app: undefined, where: undefined })).toBe("APP PATH --app APP");
    expect(filledIn("{where}", { app: undefined, where: { kind: "tcp", host: "::1", port: 9000 } })).toBe(
      "--port [::1]:9000",
    );
  });

  test("shows the line, and of a very long one its beginning", () => {
    const finding = findingOf(troubleOf(`FastCGI sent in stderr: "${"x".repeat(5000)}" while reading`), undefined);
    expect(finding.seen[0]?.length).toBeLessThan(700);
    expect(finding.seen[0]).toContain("FastCGI sent in stderr");
  });
});
