/** The completion scripts in the shells themselves, on a terminal: a line is typed, TAB, Return, and the words that are run count. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, jest, test } from "@jest/globals";
import { execa } from "execa";
import { bin, root, runToEnd, startReady, usePlace } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(120_000);

const place = usePlace();
const scripts = join(root, "src/cli/completions");

/** Types each line with a TAB at its end on a terminal of the shell; prints what the `fcgi-pm` below said it was run with. */
const typist = `
import fcntl, json, os, pty, re, select, struct, sys, termios
command, lines = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 300, 0, 0))
    os.execvp(command[0], command)
seen = b""
def read_until(mark):
    global seen
    while mark not in seen:
        if not select.select([terminal], [], [], 20)[0]: sys.exit("waited in vain for %r: %r" % (mark, seen))
        seen += os.read(terminal, 65536)
    found, seen = seen.split(mark, 1)
    return found
def words_of(line):
    read_until(b"ready> ")
    os.write(terminal, line.encode() + b"\\t\\n")
    return re.search(r"<\\[(.*)", read_until(b"]>").decode(), re.S).group(1).split("|")
print(json.dumps([words_of(line) for line in lines]))
os.close(terminal)
`;

/** Completes as the real one, and says what it was run with instead of doing it. */
const pretender = `#!/bin/bash
if [ "$1" = __complete ]; then exec ${process.execPath} ${bin} "$@"; fi
IFS='|'; printf '<[%s]>' "$*"
`;

const shells = {
  bash: () => {
    writeFileSync(join(place.directory, "bashrc"), `PS1='ready> '\nsource ${scripts}/fcgi-pm.bash\n`);
    return ["bash", "--noprofile", "--rcfile", join(place.directory, "bashrc"), "-i"];
  },
  "bash with bash-completion": () => {
    const usual = "source /usr/share/bash-completion/bash_completion";
    writeFileSync(join(place.directory, "bashrc"), `PS1='ready> '\n${usual}\nsource ${scripts}/fcgi-pm.bash\n`);
    return ["bash", "--noprofile", "--rcfile", join(place.directory, "bashrc"), "-i"];
  },
  "zsh, from its $fpath": () => {
    const setUp = `fpath=(${scripts} $fpath)\nautoload -Uz compinit\ncompinit -u -D\n`;
    writeFileSync(join(place.directory, ".zshrc"), `PS1='ready> '\n${setUp}`);
    return ["zsh", "-d", "-i"];
  },
  "zsh, by source": () => {
    const setUp = `autoload -Uz compinit\ncompinit -u -D\nsource ${scripts}/_fcgi-pm\n`;
    writeFileSync(join(place.directory, ".zshrc"), `PS1='ready> '\n${setUp}`);
    return ["zsh", "-d", "-i"];
  },
  fish: () => {
    const prompt = "function fish_prompt; echo -n 'ready> '; end";
    return ["fish", "--no-config", "-i", "-C", `${prompt}; set fish_greeting; source ${scripts}/fcgi-pm.fish`];
  },
} as const;

type Shell = keyof typeof shells;

function environment(): Record<string, string> {
  const { directory } = place;
  return {
    ...{ HOME: directory, ZDOTDIR: directory, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory },
    ...{ PATH: `${directory}/bin:${process.env["PATH"]}`, TERM: "xterm", LANG: "C.UTF-8" },
    RUNTIME_DIRECTORY: join(directory, "run"),
  };
}

/** What is run when these lines are typed, each with a TAB at its end. */
async function type(shell: Shell, lines: readonly string[]): Promise<string[][]> {
  const work = JSON.stringify([shells[shell](), lines]);
  const options = { cwd: place.directory, env: environment(), extendEnv: false };
  return JSON.parse((await execa("python3", ["-c", typist, work], options)).stdout) as string[][];
}

beforeEach(() => {
  const { directory } = place;
  mkdirSync(join(directory, "bin"));
  writeFileSync(join(directory, "bin/fcgi-pm"), pretender, { mode: 0o755 });
  symlinkSync("bin/fcgi-pm", join(directory, "fcgi-pm"));
  mkdirSync(join(directory, "services"));
  writeFileSync(join(directory, "my site.toml"), '[apps.periwinkle]\ncommand = "true"\n');
});

describe.each(Object.keys(shells) as Shell[])("%s completes", (shell) => {
  test("commands, options, values, files, directories, and names of apps", async () => {
    const env = environment();
    await startReady(["--name", "blue", "--no-listen", "--", "/bin/sleep", "1000"], { env });
    // Who types waits for no manager that is slow, as one may be that has just begun on a busy machine.
    const isOffered = async () => (await runToEnd(["__complete", "fish", "logs", ""], { env })).stdout.includes("blue");
    await until(isOffered, { what: "its name to be offered", timeoutMs: 20_000 });
    const lines: [line: string, words: string][] = [
      ["fcgi-pm relo", "reload"],
      ["./fcgi-pm unin", "uninstall"],
      ["fcgi-pm help comp", "help|completion"],
      ["fcgi-pm start --drain-t", "start|--drain-timeout"],
      ["fcgi-pm start --drain id", "start|--drain|idle"],
      ["fcgi-pm start --drain=si", "start|--drain=signal"],
      ["fcgi-pm start --port 127.0.0.1:9000 --log-format jou", "start|--port|127.0.0.1:9000|--log-format|journal"],
      ["fcgi-pm logs -f bl", "logs|-f|blue"],
      ["fcgi-pm check my", "check|my site.toml"],
      ["fcgi-pm start --config=my", "start|--config=my site.toml"],
      ["fcgi-pm start --cwd ser", "start|--cwd|services"],
      ["fcgi-pm generate -c 'my site.toml' nginx pe", "generate|-c|my site.toml|nginx|periwinkle"],
      ["fcgi-pm doctor ser", "doctor|services"],
      ["fcgi-pm doctor blu", "doctor|blue"],
    ];
    const run = await type(
      shell,
      lines.map(([line]) => line),
    );
    // zsh takes the slash behind a directory away again.
    expect(run.map((words) => words.join("|").replace(/\/$/, ""))).toEqual(lines.map(([, words]) => words));
  });
});
