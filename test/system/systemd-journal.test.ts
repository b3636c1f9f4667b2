/** The log in a real journal, as `journalctl` shows it. */
import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { buildSync } from "esbuild";
import { root } from "../helpers/manager.ts";
import { checkout, useSystemd } from "../helpers/systemd.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(240_000);

const system = useSystemd();

/** A worker that has no listener, and writes what a test wants. */
const talker = `
import json, os, signal, sys
print("plain words", flush=True)
print("<4>with a priority", file=sys.stderr, flush=True)
print(json.dumps({"level": "error", "msg": "no database", "user": "ann", "_PID": "1"}), flush=True)
print("x" * 60000, flush=True)
for line in sys.stdin if len(sys.argv) == 1 else open(sys.argv[1]):
    print(line, end="", flush=True)
    if line == "die\\n": os._exit(3)
`;

interface Entry {
  readonly MESSAGE: string;
  readonly PRIORITY: string;
  readonly [field: string]: string | undefined;
}

/** What the journal has of a unit. */
async function entriesOf(unit: string, filter = ""): Promise<Entry[]> {
  const lines = await system.succeed(`journalctl --sync; journalctl --all -u ${unit} -o json --no-pager ${filter}`);
  return lines
    .trim()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Entry);
}

function seen(unit: string, what: string, fits: (entry: Entry) => boolean): Promise<Entry> {
  return until(async () => (await entriesOf(unit)).find(fits), { what, timeoutMs: 60_000, everyMs: 100 });
}

function service(name: string, options: { readonly flags?: string; readonly more?: string } = {}): void {
  const pipe = `/run/${name}.pipe`;
  system.write(
    `/etc/systemd/system/${name}.service`,
    `[Service]
ExecStartPre=/usr/bin/mkfifo ${pipe}
ExecStart=/usr/local/bin/fcgi-pm start --name ${name} --no-listen ${options.flags ?? ""} -- /usr/bin/python3 /srv/talker.py ${pipe}
Environment=RUNTIME_DIRECTORY=/run/${name}
TimeoutStopSec=20
${options.more ?? ""}
`,
  );
}

async function start(name: string, options: { readonly flags?: string; readonly more?: string } = {}): Promise<void> {
  service(name, options);
  await system.succeed(`systemctl daemon-reload && systemctl start ${name}`);
}

beforeAll(() => {
  system.write("/srv/talker.py", talker);
});

describe("the log of a service", () => {
  test("is in the journal with priorities and fields, for the manager and for each line of a worker", async () => {
    await start("blog");
    await seen("blog", "the long line", ({ MESSAGE }) => MESSAGE.startsWith("xxx"));
    // Of the other stream.
    await seen("blog", "the warning", ({ MESSAGE }) => MESSAGE === "with a priority");
    const entries = await entriesOf("blog");
    const find = (text: string) => entries.find(({ MESSAGE }) => MESSAGE.includes(text));
    const common = { SYSLOG_IDENTIFIER: "fcgi-pm", _TRANSPORT: "journal", _SYSTEMD_UNIT: "blog.service" };
    const worker = { ...common, APP: "blog", WORKER: "1", WORKER_PID: expect.stringMatching(/^\d+$/) };

    expect(find("started for blog")).toMatchObject({ ...common, PRIORITY: "6", NOTICE: "manager.started" });
    expect(find("plain words")).toMatchObject({ ...worker, MESSAGE: "plain words", PRIORITY: "6", STREAM: "stdout" });
    expect(find("with a priority")).toMatchObject({ ...worker, MESSAGE: "with a priority", PRIORITY: "4" });
    expect(find("with a priority")).toMatchObject({ STREAM: "stderr" });
    const own = find("no database");
    expect(own).toMatchObject({ ...worker, MESSAGE: "no database", PRIORITY: "3" });
    expect(JSON.parse(own?.["DETAILS"] ?? "")).toMatchObject({ user: "ann", _PID: "1" });
    expect(find("xxx")?.MESSAGE).toBe("x".repeat(60_000));

    const [pid] = (await system.succeed("systemctl show -P MainPID blog")).split("\n");
    expect(own).toMatchObject({ _PID: pid });
    expect(await entriesOf("blog", `APP=blog WORKER=1 PRIORITY=3`)).toHaveLength(1);
    expect((await entriesOf("blog", "-p warning")).map(({ MESSAGE }) => MESSAGE)).toEqual(
      expect.arrayContaining(["with a priority", "no database"]),
    );
    await system.succeed("systemctl stop blog");
  });

  test("has a death with its last lines below it, as journalctl shows them", async () => {
    await start("dying");
    await seen("dying", "the worker", ({ MESSAGE }) => MESSAGE.startsWith("xxx"));
    await system.succeed("printf 'the last word\\ndie\\n' > /run/dying.pipe");
    const death = await seen("dying", "the death", ({ NOTICE }) => NOTICE === "worker.died");
    expect(death).toMatchObject({ PRIORITY: "4", APP: "dying", WORKER: "1" });
    expect(death.MESSAGE).toMatch(/^worker 1 died.*exit code 3.*\n/);
    expect(death.MESSAGE).toMatch(/\n {4}\| the last word\n {4}\| die$/);
    expect(JSON.parse(death["DETAILS"] ?? "")).toMatchObject({ exit: { code: 3, signal: null } });
    expect(await system.succeed("journalctl -u dying -o cat NOTICE=worker.died")).toContain("\n    | the last word\n");
    await system.succeed("systemctl stop dying");
    const end = await seen("dying", "the end", ({ NOTICE }) => NOTICE === "manager.stopped");
    expect(end).toMatchObject({ _SYSTEMD_UNIT: "dying.service" });
  });

  test("goes on in the journal after a restart of journald, and loses nothing meanwhile", async () => {
    await start("steady");
    await seen("steady", "the worker", ({ MESSAGE }) => MESSAGE.startsWith("xxx"));
    const words = Array.from({ length: 2000 }, (_, number) => `word ${number}`);
    system.write("/srv/words", `${words.join("\n")}\n`);
    const writing = system.succeed("cat /srv/words > /run/steady.pipe");
    await system.succeed("systemctl restart systemd-journald");
    await writing;
    await seen("steady", "the last word", ({ MESSAGE }) => MESSAGE === words.at(-1));
    const entries = (await entriesOf("steady")).map(({ MESSAGE }) => MESSAGE);
    expect(entries.filter((text) => text.startsWith("word "))).toEqual(words);
    await system.succeed("systemctl stop steady");
  });

  test("waits for a journald that stands still, and no worker waits with it", async () => {
    await start("waiting");
    await seen("waiting", "the worker", ({ MESSAGE }) => MESSAGE.startsWith("xxx"));
    await system.succeed("systemctl kill --signal=STOP systemd-journald");
    const words = Array.from({ length: 2000 }, (_, number) => `word ${number}`);
    system.write("/srv/words", `${words.join("\n")}\n`);
    await system.succeed("cat /srv/words > /run/waiting.pipe");
    // The manager has read the last one, and answers, though nobody takes its log.
    const asked = async () =>
      (await system.succeed("RUNTIME_DIRECTORY=/run/waiting fcgi-pm logs")).includes("word 1999");
    await until(asked, { what: "the last word in fcgi-pm logs" });
    await system.succeed("systemctl kill --signal=CONT systemd-journald");
    await seen("waiting", "the last word", ({ MESSAGE }) => MESSAGE === words.at(-1));
    const entries = (await entriesOf("waiting")).map(({ MESSAGE }) => MESSAGE);
    expect(entries.filter((text) => text.startsWith("word "))).toEqual(words);
    await system.succeed("systemctl stop waiting");
  });

  test("is JSON on standard error where the journal's socket is gone", async () => {
    await start("lonely", {
      flags: "--log-format journal",
      more: "StandardError=file:/srv/lonely.log\nInaccessiblePaths=/run/systemd/journal",
    });
    const text = await until(
      async () => {
        const found = await system.succeed("cat /srv/lonely.log");
        return found.includes("no database") && found;
      },
      { what: "the line" },
    );
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.find(({ msg }) => msg === "no database")).toMatchObject({ level: "error", app: "lonely", worker: 1 });
    expect(lines[0]).toMatchObject({ notice: "manager.started" });
    await system.succeed("systemctl stop lonely");
  });

  test("has why a service does not start among the errors", async () => {
    system.write(
      "/etc/systemd/system/wrong.service",
      "[Service]\nExecStart=/usr/local/bin/fcgi-pm start /srv/none.fcgi\n",
    );
    await system.succeed("systemctl daemon-reload && systemctl start wrong");
    const failed = async () => (await system.run("systemctl is-failed wrong")).stdout === "failed\n";
    await until(failed, { what: "the service to fail" });
    const error = await seen("wrong", "the error", ({ MESSAGE }) => MESSAGE.startsWith("error: "));
    expect(error).toMatchObject({ PRIORITY: "3", MESSAGE: expect.stringContaining("/srv/none.fcgi") });
    const remedy = await seen("wrong", "the remedy", ({ MESSAGE }) => MESSAGE.startsWith("  try: "));
    expect(remedy).toMatchObject({ PRIORITY: "3" });
  });

  test("takes an entry of any length from any user", async () => {
    const length = 20 * 1024 * 1024;
    const program = `
      import { encodeEntry, Journald } from "./src/os/journald.ts";
      const entry = [["MESSAGE", "x".repeat(${length})], ["SYSLOG_IDENTIFIER", "large"]];
      console.log(new Journald().send(encodeEntry(entry)));`;
    const { outputFiles } = buildSync({
      ...{ stdin: { contents: program, resolveDir: root, loader: "ts" }, bundle: true, write: false },
      ...{ platform: "node", format: "esm", external: ["koffi"], logLevel: "warning" },
    });
    const asNobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    const run = `cd ${checkout}; ${asNobody} node --input-type=module -`;
    expect(await system.succeed(run, { input: outputFiles[0]?.text ?? "" })).toBe("sent\n");
    const kept = async () => Number(await system.succeed("journalctl --all -t large -o cat | wc -c")) === length + 1;
    await until(kept, { what: "the whole entry" });
  });

  test("is where log-format says, and where standard error goes", async () => {
    await start("asked", { flags: "--log-format journal", more: "StandardError=file:/srv/asked.log" });
    expect(await seen("asked", "the line", ({ MESSAGE }) => MESSAGE === "no database")).toMatchObject({
      PRIORITY: "3",
    });
    expect(await system.succeed("cat /srv/asked.log")).toBe("");
    await start("filed", { more: "StandardError=file:/srv/filed.log" });
    await until(async () => (await system.succeed("cat /srv/filed.log")).includes('"msg":"no database"'), {
      what: "JSON",
    });
    await start("plain", { flags: "--log-format json" });
    const line = await seen("plain", "the line", ({ MESSAGE }) => MESSAGE.includes("no database"));
    expect(JSON.parse(line.MESSAGE)).toMatchObject({ app: "plain", level: "error" });
    expect(line).toMatchObject({ _TRANSPORT: "stdout", PRIORITY: "6" });
    await system.succeed("systemctl stop asked filed plain");
  });
});
