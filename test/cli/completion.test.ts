/** What `fcgi-pm __complete` offers, which is what the commands themselves say. The shells have their own tests. */
import { mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { buildCommands } from "../../src/cli/commands.ts";
import { linesFor } from "../../src/cli/complete.ts";
import { valuesOfArgument, valuesOfOption } from "../../src/cli/completion-values.ts";
import { runToEnd, startReady, usePlace } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(60_000);

const place = usePlace();
const program = buildCommands("0.0.0", () => {});
const commands = new Map(program.commands.map((command) => [command.name(), command]));
let before: string | undefined;

beforeEach(() => {
  before = process.env["RUNTIME_DIRECTORY"];
  process.env["RUNTIME_DIRECTORY"] = join(place.directory, "run");
});

afterEach(() => {
  if (before === undefined) delete process.env["RUNTIME_DIRECTORY"];
  else process.env["RUNTIME_DIRECTORY"] = before;
});

/** The words that are offered at the end of this line, for zsh. */
async function offered(line: string, shell = "zsh"): Promise<string[]> {
  const lines = await linesFor(program, shell, line.split(" ").slice(1));
  return lines.map((text) => text.split("\t")[0] ?? "");
}

describe("commands and options", () => {
  test("are those that there are, with what the help says of them", async () => {
    const names = await offered("fcgi-pm ");
    expect(names).toEqual([...commands.keys(), "help"]);
    const reload = commands.get("reload")?.summary();
    expect(await linesFor(program, "zsh", [""])).toContain(`reload\t${reload}`);
    expect(await offered("fcgi-pm help ")).toEqual([...commands.keys()]);
  });

  test.each([...commands])("of %s are offered, every one", async (name, command) => {
    const options = command.options.map(({ long }) => long);
    expect(await offered(`fcgi-pm ${name} -`)).toEqual([...options, "--help"]);
    expect(await offered(`fcgi-pm ${name} -- -`)).not.toContain("--help");
  });

  test("begin with what has been typed, for bash, which does not choose by itself", async () => {
    expect(await offered("fcgi-pm st", "bash")).toEqual(["start", "status", "stop"]);
    expect(await offered("fcgi-pm start --drain", "bash")).toEqual(["--drain", "--drain-timeout"]);
  });

  test.each(["nonsense ", "help start ", "status blog ", "start --processes ", "demo "])(
    "are not offered at the end of fcgi-pm %s",
    async (line) => {
      expect(await offered(`fcgi-pm ${line}`)).toEqual([]);
    },
  );
});

describe("values", () => {
  test.each([
    ["fcgi-pm start --drain ", "idle signal"],
    ["fcgi-pm start --log-format ", "auto pretty json journal"],
    ["fcgi-pm start --stop-signal ", "TERM INT QUIT HUP USR1 USR2"],
    ["fcgi-pm request --as ", "nginx apache lighttpd"],
    ["fcgi-pm request / --role ", "responder authorizer filter"],
    ["fcgi-pm doctor --as ", "nginx apache lighttpd"],
    ["fcgi-pm completion ", "bash zsh fish"],
    ["fcgi-pm import --from ", "supervisord apache lighttpd php-fpm systemd command"],
    ["fcgi-pm generate ", "nginx apache lighttpd haproxy caddy systemd sysv logrotate"],
  ])("of %s are %s", async (line, words) => {
    expect(await offered(line)).toEqual(words.split(" "));
  });

  test("may stand in the same word as the option", async () => {
    expect(await offered("fcgi-pm start --drain=")).toEqual(["--drain=idle", "--drain=signal"]);
    // bash hands over three words, and replaces the last one.
    expect(await offered("fcgi-pm start --drain =", "bash")).toEqual(["idle", "signal"]);
    expect(await offered("fcgi-pm start --drain = si", "bash")).toEqual(["signal"]);
    // It has been told that = breaks no word.
    expect(await offered("fcgi-pm start --drain=si", "bash")).toEqual(["--drain=signal"]);
  });

  test("that are files, directories, users, groups and signals of this machine", async () => {
    for (const line of [
      "check ",
      "import ",
      "import a.conf ",
      "start ",
      "start -c ",
      "start --config=",
      "logs --control ",
    ]) {
      expect([line, await offered(`fcgi-pm ${line}`)]).toEqual([line, [":files"]]);
    }
    expect(await offered("fcgi-pm start --cwd ")).toEqual([":directories"]);
    expect(await offered("fcgi-pm start --user ")).toContain(userInfo().username);
    expect(await offered("fcgi-pm start --group ")).toContain("daemon");
    expect(await offered("fcgi-pm start --socket-owner ")).toEqual(expect.arrayContaining(["daemon", ":daemon"]));
    expect(await offered("fcgi-pm signal blog ")).toEqual(expect.arrayContaining(["USR1", "WINCH"]));
    for (const flag of ["--uri", "--script-name"]) expect(await offered(`fcgi-pm doctor ${flag} `)).toEqual([]);
  });

  test("are completed for every option and argument but those whose values are the user's own", () => {
    const all = program.commands.flatMap((command) => [
      ...command.options
        .filter(({ required }) => required)
        .map((option) => [option.flags, valuesOfOption(option)] as const),
      ...command.registeredArguments.map((argument) => [`<${argument.name()}>`, valuesOfArgument(argument)] as const),
    ]);
    const free = all
      .filter(([, { kind }]) => kind === "nothing")
      .map(([flags]) => /<.*>|--\S+$/.exec(flags)?.[0] ?? flags);
    // A placeholder that is new belongs here or into src/cli/completion-values.ts.
    expect(usersOwn).toEqual(expect.arrayContaining([...new Set(free)].toSorted()));
  });
});

/** Numbers, times, addresses, names of what is new, paths of requests. */
const usersOwn = [
  ...["<address:port>", "<address>", "<count>", "<duration>", "<line>", "<method>", "<mode>", "<module:app>", "<n>"],
  ...["<name=value>", "<name>", "<path>", "<port>", "<size>", "<text>", "<uri>"],
];

describe("names of apps", () => {
  const written = '[apps.blog]\ncommand = "true"\n[apps.shop]\nnonsense = 1\n';

  test("are those of the config, of what it includes, and of a config that is wrong", async () => {
    writeFileSync(join(place.directory, "site.toml"), `include = ["more/*.toml"]\n${written}`);
    mkdirSync(join(place.directory, "more"));
    writeFileSync(join(place.directory, "more/wiki.toml"), '[apps.wiki]\ncommand = "true"\n');
    const config = join(place.directory, "site.toml");
    expect(await offered(`fcgi-pm generate nginx --config ${config} `)).toEqual(["blog", "shop", "wiki"]);
    expect(await offered(`fcgi-pm generate -c ${config} nginx `)).toEqual(["blog", "shop", "wiki"]);
    expect(await offered(`fcgi-pm doctor --config=${config} `)).toEqual(["blog", "shop", "wiki", ":files"]);
    expect(await offered(`fcgi-pm request --config ${config} --app=`)).toEqual([
      "--app=blog",
      "--app=shop",
      "--app=wiki",
    ]);
    expect(await offered(`fcgi-pm request --config ${config} --app sh`, "bash")).toEqual(["shop"]);
    expect(await offered(`fcgi-pm doctor --config ${place.directory}/none.toml `)).toEqual([":files"]);
    writeFileSync(config, "not TOML");
    expect(await offered(`fcgi-pm doctor --config ${config} `)).toEqual([":files"]);
  });

  test("are offered only if they are names: a shell would carry out what else a config may have there", async () => {
    const config = join(place.directory, "foreign.toml");
    const names = ["$(reboot)", "`reboot`", "x; reboot", "a\\nb", "\\u001b]0;title\\u0007", ":files", "wiki"];
    writeFileSync(config, names.map((name) => `[apps."${name}"]\ncommand = "true"\n`).join(""));
    expect(await offered(`fcgi-pm generate nginx --config ${config} `)).toEqual(["wiki"]);
  });

  /** Who types waits for no manager that is slow: on a busy machine some may be missing, once. */
  const offers = (line: string, names: string) =>
    until(async () => (await offered(line)).join(" ") === names, { what: `${names} behind ${line}` });

  test("are those of the managers that run, of this one where --control names it", async () => {
    const runtime = join(place.directory, "run");
    const env = { RUNTIME_DIRECTORY: runtime };
    const plain = ["--no-listen", "--", "/bin/sleep", "1000"];
    const control = join(place.directory, "two.sock");
    await startReady(["--name", "first", ...plain], { env });
    await startReady(["--name", "second", "--control", control, ...plain], { env });
    for (const command of ["status", "stop", "restart", "reload", "scale", "signal", "logs", "env"]) {
      await offers(`fcgi-pm ${command} `, "first second");
    }
    await offers(`fcgi-pm reload --control ${control} `, "second");
    const both = "first\tapp\nsecond\tapp\n";
    const typed = async () => {
      const ended = await runToEnd(["__complete", "fish", "logs", ""], { env });
      return ended.stdout === both && ended;
    };
    expect(await until(typed, { what: "both names" })).toMatchObject({ stderr: "", code: 0 });
  });
});

test("whatever is typed, nothing is said but choices", async () => {
  for (const words of [[], ["bash"], ["bash", "'", ""], ["tcsh", "start", "--", "-"], ["bash", "--", "=", ":"]]) {
    const { stdout, stderr, code } = await runToEnd(["__complete", ...words], {
      env: { RUNTIME_DIRECTORY: "/dev/null" },
    });
    expect([stderr, code]).toEqual(["", 0]);
    for (const line of stdout.split("\n").filter((text) => text !== "")) expect(line).toMatch(/^(:\w+|\S+\t.*)$/);
  }
});
