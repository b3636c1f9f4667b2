/** Words in, exit status out. */
import { Command, CommanderError } from "commander";
import { appFlags, managerFlags } from "../config/keys.ts";
import { complain } from "./complain.ts";
import { addFlags } from "./flags.ts";
import { version } from "./version.ts";

const examples = `
Examples:
  fcgi-pm start app.fcgi --processes 4 --socket /tmp/fcgi.sock
  fcgi-pm start php-cgi --port 9000 --user www-data -- -d display_errors=1
  fcgi-pm start --config /etc/fcgi-pm/fcgi-pm.toml
  fcgi-pm check fcgi-pm.toml

Signals: TERM or INT stops gracefully, a second one at once; USR1 opens the log file again.
Exit status: 0 done, 1 failed, 2 wrong usage, 5 wrong config, 130 or 143 ended by a signal before it was ready.`;

function build(finish: (status: number) => void): Command {
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
      "Runs one program (app.fcgi and its arguments), or every app of a config, in the foreground.\n" +
        "Arguments of the program that begin with - come after --.",
    )
    .argument("[program...]", "the program and its arguments")
    .option("-c, --config <file>", "run every app of this file (./fcgi-pm.toml, then /etc/fcgi-pm/fcgi-pm.toml)")
    .option("-n, --name <name>", "the app's name (the program's name without its ending)")
    .addHelpText("after", examples);
  addFlags(addFlags(start, appFlags), managerFlags).action(async (words: string[], _options, command: Command) => {
    const { start: run } = await import("./start.ts");
    finish(await run(words, command));
  });
  program
    .command("check")
    .summary("prove a config without starting anything")
    .description("Proves a config offline: keys, users, paths, rights, listeners, programs and their interpreters.")
    .argument("[file]", "the config (./fcgi-pm.toml, then /etc/fcgi-pm/fcgi-pm.toml)")
    .action(async (file: string | undefined) => {
      const { check } = await import("./check.ts");
      finish(await check(file));
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

/** Commander has printed what is wrong; help and version are no errors. */
function statusOf(error: unknown): number {
  if (!(error instanceof CommanderError)) return complain(error);
  if (error.exitCode === 0) return 0;
  const isKnown = /Did you mean/.test(error.message);
  if (error.code === "commander.unknownOption" && process.argv[2] === "start" && !isKnown) {
    process.stderr.write(
      "  try: put -- before the program's own arguments: fcgi-pm start php-cgi -- -d display_errors=1\n",
    );
  }
  return 2;
}

async function main(): Promise<number> {
  let status = 0;
  try {
    const program = build((given) => {
      status = given;
    });
    if (process.argv.length <= 2) program.outputHelp({ error: true });
    if (process.argv.length <= 2) return 2;
    await program.parseAsync();
    return status;
  } catch (error) {
    return statusOf(error);
  }
}

process.exit(await main());
