/** Lines of error logs, checked against the socket that they name, as it is now. */
import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { Finding } from "../../src/diagnosis/finding.ts";
import { examineLog } from "../../src/doctor/log.ts";
import type { Patient } from "../../src/doctor/patient.ts";
import { startApp } from "../helpers/app.ts";
import { usePlace } from "../helpers/manager.ts";
import { buildPrograms, echoes, type Program } from "../helpers/programs.ts";
import { until } from "../helpers/wait.ts";
import { get, startNginx } from "../helpers/webservers.ts";
import { configured, foreign, listenAt, runningAt, useStage } from "./stage.ts";

jest.setTimeout(60_000);
beforeAll(() => buildPrograms([echoes.c]), 120_000);

useStage();
const place = usePlace();

/** Answers each request properly, with nothing. */
const saysNothing: Program = {
  ...echoes.perl,
  command: [fileURLToPath(new URL("traps/answers.fcgi", import.meta.url)), "nothing"],
};

const find = (findings: readonly Finding[], code: string): Finding => {
  const found = findings.find((finding) => finding.code === code);
  if (found === undefined) throw new Error(`no ${code} in ${JSON.stringify(findings, undefined, 2)}`);
  return found;
};
const nginx = (what: string) =>
  `2026/11/21 17:44:51 [error] 7#7: *1 ${what}, client: 127.0.0.1, server: , request: "GET / HTTP/1.1", upstream: "fastcgi://unix:${place.path}:", host: "localhost"`;
const header = "while reading response header from upstream";
/** As whom no web server runs here. */
const webUser = "daemon";
/** How an address is asked that is nobody's app. */
const anybody = () => foreign({ kind: "unix", path: place.path }, { webUser, timeoutMs: 5000 });
const explain = (lines: readonly string[], ...patients: readonly Patient[]) => examineLog(lines, patients, anybody());

async function running(program: Program): Promise<Patient> {
  const app = await startApp(place, program, { processes: 1 });
  return { ...anybody(), name: "app", running: await runningAt(app.control.path) };
}

describe("a line that holds now", () => {
  test("of a missing socket is proved by the path", async () => {
    const line = nginx(
      `connect() to unix:${place.path} failed (2: No such file or directory) while connecting to upstream`,
    );
    const finding = find(await explain([line]), "log.no-socket");
    expect(finding.level).toBe("broken");
    expect(finding.seen.join("\n")).toContain(`now: there is no socket at ${place.path}`);
  });

  test("of a missing socket names the app that should be there", async () => {
    const patient = await configured(place.directory, [`socket = "${place.path}"`], { webUser });
    const line = nginx(
      `connect() to unix:${place.path} failed (2: No such file or directory) while connecting to upstream`,
    );
    const finding = find(await explain([line], patient), "log.no-socket");
    expect(finding).toMatchObject({
      level: "broken",
      seen: expect.arrayContaining([expect.stringContaining("no manager runs app")]),
    });
  });

  test("of a dead socket is proved by the kernel", async () => {
    execFileSync("/usr/bin/python3", [
      "-c",
      "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
      place.path,
    ]);
    const line = `(gw_backend.c.274) establishing connection failed: socket: unix:${place.path}: Connection refused`;
    expect(find(await explain([line]), "log.connection-refused").seen.join("\n")).toContain("now: nobody listens");
  });

  test("of a missing right is proved as that user, with the command that mends it", async () => {
    await listenAt(place.path, 0o666);
    chmodSync(place.directory, 0o700);
    const line = `(13)Permission denied: AH02454: FCGI: attempt to connect to Unix domain socket ${place.path} (app:8000) failed`;
    const impatient = foreign({ kind: "unix", path: place.path }, { webUser, timeoutMs: 200 });
    const finding = find(await examineLog([line], [], impatient), "log.permission-denied");
    expect(finding.level).toBe("broken");
    expect(finding.remedy[0]).toContain(`chmod o+x ${place.directory}`);
  });

  test("of an answer without headers is proved by a request", async () => {
    const patient = await running(saysNothing);
    const line = nginx(`upstream prematurely closed FastCGI stdout ${header}`);
    const findings = await explain([line], patient);
    const finding = find(findings, "log.empty-answer");
    expect(finding.level).toBe("broken");
    expect(finding.seen.join("\n")).toMatch(/now: .*GET \//);
    // What proves it is told with it, and not a second time.
    expect(findings.filter(({ level }) => level === "broken")).toEqual([finding]);
  });
});

describe("a line that does not hold now", () => {
  test("is told as past, with what was tried", async () => {
    const patient = await running(echoes.c);
    const line = nginx(`upstream timed out (110: Connection timed out) ${header}`);
    const finding = find(await explain([line], patient), "log.answer-timeout");
    expect(finding).toMatchObject({ level: "note", what: expect.stringContaining("it is not so now") });
    expect(finding.seen.join("\n")).toMatch(/now: .*GET \/ .*200/);
  });

  test("of another page than the one that was asked is not said to be past, and names the command that asks it", async () => {
    const patient = await running(echoes.c);
    const line = nginx(`upstream prematurely closed connection ${header}`).replace("GET / ", "GET /news?page=2 ");
    const finding = find(await explain([line], patient), "log.closed-early");
    expect(finding.level).toBe("broken");
    expect(finding.what).not.toContain("not so now");
    expect(finding.remedy[0]).toContain("fcgi-pm doctor app --uri '/news?page=2'");
    const asked = { ...patient, wish: { ...patient.wish, uri: "/news?page=2" } };
    expect(find(await explain([line], asked), "log.closed-early").level).toBe("note");
  });

  test("without an address is checked against the only app that is meant", async () => {
    const patient = await running(echoes.c);
    const finding = find(await explain(["premature end of headers"], patient), "log.empty-answer");
    expect(finding.level).toBe("note");
  });

  test("of an app that does not run is not said to be past", async () => {
    const patient = await configured(place.directory, [`socket = "${place.path}"`], { webUser });
    const finding = find(
      await explain([nginx(`upstream sent too big header ${header}`)], patient),
      "log.header-too-big",
    );
    expect(finding.what).not.toContain("not so now");
  });
});

describe("a log", () => {
  test("with many lines about one socket has it asked once", async () => {
    const patient = await running(echoes.c);
    const tried: string[] = [];
    const journal = { ...patient.journal, tried: (text: string) => void tried.push(text) };
    const lines = [
      nginx(`upstream timed out (110: Connection timed out) ${header}`),
      nginx(`upstream prematurely closed connection ${header}`),
      nginx(`upstream prematurely closed connection ${header}`),
    ];
    const findings = await explain(lines, { ...patient, journal });
    expect(findings.map(({ code }) => code).filter((code) => code.startsWith("log."))).toHaveLength(2);
    expect(tried.filter((text) => text.includes("GET /"))).toHaveLength(1);
  });

  test("tells what only follows from something else where nothing else is told", async () => {
    const consequence = "AH01079: failed to make connection to backend: hello";
    expect((await examineLog([consequence], [])).map(({ code }) => code)).toEqual(["log.consequence"]);
    const both = await explain([
      `(2)No such file or directory: AH02454: FCGI: attempt to connect to Unix domain socket ${place.path} (app:8000) failed`,
      consequence,
    ]);
    expect(both.map(({ code }) => code)).not.toContain("log.consequence");
  });

  test("that nobody knows a word of is said to be unknown", async () => {
    expect(await examineLog(["the cat is on the mat"], [])).toMatchObject([{ code: "log.unknown", level: "note" }]);
    expect(await examineLog([], [])).toEqual([]);
  });

  test("of a real nginx is explained", async () => {
    chmodSync(place.directory, 0o755);
    const server = await startNginx({ upstream: { unix: place.path }, mount: "/", edition: "new" });
    try {
      expect((await get(server.url)).status).toBe(502);
      const seen = await until(() => server.log().includes("failed (2:") && server.log(), { what: "the line" });
      const findings = await explain(seen.split("\n"));
      expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(["log.no-socket"]));
    } finally {
      await server.stop();
    }
  });
});
