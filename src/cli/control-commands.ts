/** The commands that ask a running manager or tell it something, as they are typed. */
import { type Command, Option } from "commander";
import { FcgiPmError } from "../errors.ts";

type Finish = (status: number) => void;

/** Adds them; what they do is loaded when it is asked for. */
export function addControlCommands(program: Command, finish: Finish): void {
  for (const add of [addStatus, addStop, addRestart, addReload, addScale, addSignal, addLogs, addEnv]) {
    add(program, finish);
  }
}

function addStatus(program: Command, finish: Finish): void {
  control(
    program
      .command("status")
      .summary("show what runs, and how it is")
      .description(
        "Shows every app of every manager in the runtime directory, or one app with each of its workers, as the kernel has it\n" +
          "at this moment. Exits with 0 if all apps are running, 3 if nothing runs, 4 if an app is not as it should be. With\n" +
          "--ready, for probes, it exits with 0 if every app has at least one ready worker, 4 if an app has none, and says\n" +
          "only what is missing.",
      )
      .argument("[app]", "one app, with its workers (every app)")
      .option("--app <name>", "the same app, named by a flag")
      .addOption(
        new Option("--ready", "ask only whether requests are served, and print what is not").conflicts("watch"),
      )
      .option("-w, --watch", "refresh in place until q or Ctrl-C; needs a terminal")
      .option("--interval <duration>", "how often --watch refreshes (1s)")
      .option("--json", "print one JSON object, described in docs/status.md"),
  ).action(async (word: string | undefined, { watch: isWatched, ready: isProbe, app: named, ...options }) => {
    const app = oneApp(word, named);
    if (isProbe === true) {
      const { ready } = await import("./ready.ts");
      finish(await ready(app, options));
    } else if (isWatched === true) {
      const { watch } = await import("./watch.ts");
      finish(await watch(app, options));
    } else {
      const { status } = await import("./status.ts");
      finish(await status(app, options));
    }
  });
}

function addStop(program: Command, finish: Finish): void {
  order(
    program
      .command("stop")
      .summary("end one app, or the manager")
      .description(
        "Stops an app: its workers finish what they have begun, and end; its listener stays. Without an app the manager is\n" +
          "ended with all its apps; the command returns when its process has ended.",
      )
      .argument("[app]", "the app (the manager)")
      .option("--now", "kill the workers at once"),
  ).action(async (app: string | undefined, { now, ...options }) => {
    const { stop } = await import("./order.ts");
    finish(await stop(app, { ...(now && { now }) }, options));
  });
}

function addRestart(program: Command, finish: Finish): void {
  order(
    program
      .command("restart")
      .summary("end all workers of an app, then start new ones")
      .description(
        "Ends the workers of an app, or of every app, gracefully, then starts new ones; requests wait in between. Starts a\n" +
          "stopped app. To replace workers while requests are served: reload.",
      )
      .argument("[app]", "the app (every app)"),
  ).action(async (app: string | undefined, options) => {
    const { restart } = await import("./order.ts");
    finish(await restart(app, options));
  });
}

function addReload(program: Command, finish: Finish): void {
  order(
    program
      .command("reload")
      .summary("apply a changed config or program, with no request lost")
      .description(
        "Reads the config, the env-files and the program anew, and applies what has changed: new workers are ready before\n" +
          "old ones leave. If the new ones fail, the old ones serve on, and the exit status is 1.",
      )
      .argument("[app]", "the app, whose workers are replaced in any case (every app of every manager)")
      .option("--dry-run", "print what would be done, and do nothing")
      .option("--all", "replace the workers of apps, too, in which nothing has changed")
      .option("--batch <n>", "how many workers are replaced at a time (1)"),
  ).action(async (app: string | undefined, { dryRun, all, batch, ...options }) => {
    const { reload } = await import("./order.ts");
    finish(await reload(app, { dryRun, all, batch }, options));
  });
}

function addScale(program: Command, finish: Finish): void {
  order(
    program
      .command("scale")
      .summary("change how many workers an app has")
      .description(
        "Adds workers, or drains some: idle ones leave first. Lasts until the manager ends, or a reload finds another number\n" +
          "in the config.",
      )
      .argument("<app>", "the app")
      .argument("<count>", "how many workers: 8, or +2 or -2 for more or less than now"),
  ).action(async (app: string, count: string, options) => {
    const { scale } = await import("./order.ts");
    finish(await scale(app, count, options));
  });
}

function addSignal(program: Command, finish: Finish): void {
  order(
    program
      .command("signal")
      .summary("send a signal to an app's workers")
      .description("Sends a signal to every worker of an app, or to one of them.")
      .argument("<app>", "the app")
      .argument("<signal>", "USR1 or SIGUSR1, in any case")
      .option("--worker <n>", "only the worker of this number"),
  ).action(async (app: string, name: string, { worker, ...options }) => {
    const { signal } = await import("./signal.ts");
    finish(await signal(app, name, worker, options));
  });
}

function addLogs(program: Command, finish: Finish): void {
  control(
    program
      .command("logs")
      .summary("show what workers wrote")
      .description(
        "Shows the last lines that the workers of an app, or of every app, wrote, and the manager's notices about them:\n" +
          "app/worker, time, text. The manager keeps the last 2000 lines of each app, so that this needs no log file.",
      )
      .argument("[app]", "the app (every app)")
      .option("-f, --follow", "go on with new lines until Ctrl-C, or until the manager ends")
      .option("-n, --lines <n>", "how many of the last lines of each app (100)")
      .option("--worker <n>", "only the worker of this number")
      .option("--json", "print one JSON object a line"),
  ).action(async (app: string | undefined, options) => {
    const { logs } = await import("./logs.ts");
    finish(await logs(app, options));
  });
}

function addEnv(program: Command, finish: Finish): void {
  order(
    program
      .command("env")
      .summary("show the environment that a worker really has")
      .description("Shows the environment of a worker as the kernel has it, as NAME=value lines that a shell can read.")
      .argument("<app>", "the app")
      .option("--worker <n>", "the worker of this number (the first that is ready)"),
  ).action(async (app: string, { worker, ...options }) => {
    const { env } = await import("./env.ts");
    finish(await env(app, worker, options));
  });
}

/** The app that is meant, as an argument or by a flag. */
function oneApp(word: string | undefined, named: string | undefined): string | undefined {
  if (word === undefined || named === undefined || word === named) return word ?? named;
  throw new FcgiPmError("FCGI_PM_USAGE_WRONG", `Cannot ask for "${word}" and --app ${named} at once`, {
    remedy: "name one app, or none for all of them",
  });
}

/** What all of them have in common. */
function control(command: Command): Command {
  return command.addOption(
    new Option("--control <path>", "ask the manager of this control socket (every manager in the runtime directory)"),
  );
}

function order(command: Command): Command {
  return control(command.option("--json", "answer with one JSON object, errors included"));
}
