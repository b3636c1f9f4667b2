/** The commands as they are typed, with what the help and docs/commands.md say of them. What they do is loaded when it is asked for. */
import { Command } from "commander";
import { appFlags, managerFlags } from "../config/keys.ts";
import { addControlCommands } from "./control-commands.ts";
import { addDeployCommands } from "./deploy-commands.ts";
import { addFlags } from "./flags.ts";
import { reportVariable } from "./report.ts";
import { addToolboxCommands } from "./toolbox-commands.ts";

/** What the manager does on a signal. */
export const signals = [
  ["TERM, INT", "stop gracefully, then exit; a second one kills all workers at once"],
  ["USR1", "open the log files again"],
  ["HUP", "reload: read the config, the env-files and the programs anew, and apply what has changed"],
  ["USR2", "nothing but a warning in the log: it is kept for the upgrade of fcgi-pm itself"],
] as const;

export const exitStatuses = [
  ["0", "done"],
  ["1", "failed; of a manager also: `exit-on` has ended it because an app does not run"],
  ["2", "wrong usage"],
  ["3", "no manager or app runs, or nobody listens where a request is sent"],
  [
    "4",
    "something runs, but not as it should: an app is degraded, in a crash loop, starting, stopping or stopped; " +
      "`request` got an HTTP status of 400 or more; `doctor` found something broken",
  ],
  ["5", "the config is missing or wrong"],
  [
    "130, 143",
    "ended by INT or TERM before it was done: a start before all workers were ready, a command before its answer",
  ],
] as const;

/** What of its own environment fcgi-pm heeds. */
export const variables = [
  [
    "RUNTIME_DIRECTORY",
    "the runtime directory: where the socket of an app lies that names none, and where commands find managers (systemd sets it)",
  ],
  [
    "XDG_RUNTIME_DIR",
    "for users other than root without RUNTIME_DIRECTORY: its subdirectory `fcgi-pm` is the runtime directory",
  ],
  [
    "XDG_CONFIG_HOME",
    "for `install --user` and `uninstall --user`: units lie in its subdirectory `systemd/user`, otherwise in ~/.config",
  ],
  [
    "JOURNAL_STREAM",
    "device and inode of the journal's stream (systemd sets it): the log goes to journald with its fields, where standard error is that stream and `log-format` does not say otherwise",
  ],
  ["NO_COLOR", "set to anything: no colours"],
  ["PATH", "where programs without a slash are looked for; handed on to the workers"],
  [
    "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, FDSTORE",
    "how systemd wants to be told, and how many sockets it keeps; not handed on to workers",
  ],
  ["LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES", "the sockets that systemd passes; not handed on to workers"],
  ["LANG, TZ", "handed on to the workers, as are the variables that `pass-env` names"],
] as const;

export const examples = `
Examples:
  fcgi-pm start app.fcgi --processes 4 --socket /tmp/fcgi.sock
  fcgi-pm start app.mjs --processes 4 --socket /tmp/fcgi.sock
  fcgi-pm start --wsgi yourapplication:app --processes 4 --socket /tmp/fcgi.sock
  fcgi-pm start php-cgi --port 9000 --user www-data -- -d display_errors=1
  fcgi-pm start --config /etc/fcgi-pm/fcgi-pm.toml
  fcgi-pm start --config /etc/fcgi-pm/fcgi-pm.toml --daemon
  fcgi-pm status --watch
  fcgi-pm reload blog
  fcgi-pm logs blog -f
  fcgi-pm request /news -i --app blog
  fcgi-pm doctor app.fcgi --user www-data

Signals: TERM or INT stops gracefully, a second one at once; HUP reloads; USR1 opens the log files again.
Exit status: 0 done, 1 failed, 2 wrong usage, 3 no manager or app runs, 4 something is not as it should be,
5 wrong config, 130 or 143 ended by a signal before it was ready.`;

export function buildCommands(version: string, finish: (status: number) => void): Command {
  const program = new Command("fcgi-pm")
    .description("A FastCGI process manager: one listening socket, N supervised workers.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", examples)
    .showSuggestionAfterError(true)
    .exitOverride();
  const start = program
    .command("start")
    .summary("run one app from flags, or every app of a config")
    .description(
      "Runs one program (app.fcgi and its arguments), or every app of a config, in the foreground. Arguments of the program\n" +
        "that begin with - come after --. A module (app.mjs, .js, .cjs, .ts) is served by a Node runner that is a part of\n" +
        "fcgi-pm, a Python application (--wsgi) by a Python runner: neither needs a FastCGI library. With --daemon the command\n" +
        "returns when all workers are ready, and the manager runs on without a terminal. If the workers of an app die again\n" +
        "and again, or are not ready by start-timeout, it says why, stops everything, and exits with 1.",
    )
    .argument("[program...]", "the program or module, and its arguments")
    .option("-c, --config <file>", "run every app of this file (./fcgi-pm.toml, then /etc/fcgi-pm/fcgi-pm.toml)")
    .option("-n, --name <name>", "the app's name (the program's name without its ending)")
    .option("--daemon", "leave the terminal when all workers are ready")
    .addHelpText("after", examples);
  addFlags(addFlags(start, appFlags), managerFlags).action(async (words: string[], { daemon }, command: Command) => {
    // What the daemon is started with says --daemon, too: the variable is how it knows that it is meant.
    if (daemon === true && process.env[reportVariable] === undefined) {
      const { startDaemon } = await import("./daemon.ts");
      finish(await startDaemon());
    } else {
      const { start: run } = await import("./start.ts");
      finish(await run(words, command));
    }
  });
  addControlCommands(program, finish);
  addToolboxCommands(program, finish);
  addDeployCommands(program, finish);
  program
    .command("check")
    .summary("prove a config without starting anything")
    .description("Proves a config offline: keys, users, paths, rights, listeners, programs and their interpreters.")
    .argument("[file]", "the config (./fcgi-pm.toml, then /etc/fcgi-pm/fcgi-pm.toml)")
    .option("--web-user <user>", "warn where the web server, which runs as this user, does not get to a socket")
    .action(async (file: string | undefined, options: { webUser?: string }) => {
      const { check } = await import("./check.ts");
      finish(await check(file, options));
    });
  program
    .command("demo")
    .summary("run an example, send it a request, show the answer")
    .description("Starts four workers of an example on a Unix socket, sends one request, and serves until Ctrl-C.")
    .action(async () => {
      const { demo } = await import("./demo.ts");
      finish(await demo());
    });
  return program;
}
