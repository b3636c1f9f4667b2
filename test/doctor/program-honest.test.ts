/** No false alarm: the honest programs of fixtures/apps, and the traits that are only worth a word. */
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { behaviours, buildPrograms, echoes, type Program, waiters } from "../helpers/programs.ts";
import { textOf, useSite } from "./clinic.ts";

jest.setTimeout(60_000);

const site = useSite();

const honest: readonly Program[] = [
  ...Object.values(echoes),
  ...Object.values(waiters),
  behaviours.slowToStart,
  behaviours.finishesOnSigterm,
];

beforeAll(() => buildPrograms([...honest, behaviours.ignoresSigterm, behaviours.leaksAGrandchild]), 120_000);

function doctor(program: Program, ...flags: string[]) {
  const [command = "", ...args] = program.command;
  const script = program.scriptFilename === undefined ? [] : ["--script-filename", program.scriptFilename];
  const env = Object.entries(program.env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  return site.doctor([command, ...script, ...env, ...flags, "--", ...args]);
}

describe("fcgi-pm doctor, of an honest program", () => {
  test.each(honest.map((program) => [program.name, program] as const))(
    "finds nothing broken in %s",
    async (_name, program) => {
      const diagnosis = await doctor(program);
      expect(diagnosis.findings.filter(({ level }) => level === "broken")).toEqual([]);
      expect(diagnosis.code).toBe(0);
      expect(diagnosis.tried.join("\n")).toContain("GET /: 200 in");
    },
  );

  test("finds nothing broken in one on a port that admits certain clients only", async () => {
    const diagnosis = await doctor(echoes.c, "--port", "127.0.0.1:9876", "--allowed-clients", "10.0.0.1");
    expect(diagnosis.findings.filter(({ level }) => level === "broken")).toEqual([]);
  });

  test("says that a Ruby worker dies of a client that leaves, and makes no fault of it", async () => {
    expect((await doctor(echoes.ruby)).find("program.dies-of-empty-connection").level).toBe("note");
  });

  test("says that a script has to be named to a program that runs scripts", async () => {
    const diagnosis = await site.doctor([...echoes.php.command]);
    expect(diagnosis.find("answer.script-unknown").level).toBe("note");
    const other = await site.doctor([...echoes.php.command, "--script-filename", "/no/such/script.php"]);
    expect(other.find("answer.script-unknown").level).toBe("broken");
  });

  test("warns of an idle worker that does not end on the stop signal", async () => {
    const diagnosis = await doctor(behaviours.ignoresSigterm, "--stop-timeout", "300ms");
    expect(diagnosis.find("stop.ignores-signal").level).toBe("risk");
    expect(textOf(diagnosis.find("stop.ignores-signal"))).toContain("it ignores SIGTERM");
    expect(diagnosis.code).toBe(0);
  });

  test("warns of children that a worker leaves behind", async () => {
    const diagnosis = await doctor(behaviours.leaksAGrandchild);
    expect(diagnosis.find("stop.leaves-children").what).toContain("leaks-a-grandch");
  });
});
