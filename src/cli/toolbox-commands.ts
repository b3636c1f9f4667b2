/** The commands that look into a FastCGI deployment, as they are typed. */
import { type Command, Option } from "commander";
import { appFlags } from "../config/keys.ts";
import { addFlags } from "./flags.ts";
import type { DataPart } from "./request-options.ts";

type Finish = (status: number) => void;

/** Adds them; what they do is loaded when it is asked for. */
export function addToolboxCommands(program: Command, finish: Finish): void {
  for (const add of [addRequest, addDoctor]) add(program, finish);
}

const requestExamples = `
Examples:
  fcgi-pm request /news?page=2 --app blog
  fcgi-pm request /login -d name=me -d password=secret -i --socket /run/blog.sock
  fcgi-pm request /index.php --root /var/www/html --port 9000 -v
  fcgi-pm request /upload --data-binary @photo.jpg -H 'Content-Type: image/jpeg' --app shop

Exit status: 0 answered with a status below 400, 4 with 400 or more, 3 no connection, 1 protocol error, cut short
or too late, 2 wrong usage, 5 wrong config.`;

function addRequest(program: Command, finish: Finish): void {
  const command = program
    .command("request")
    .summary("send one request to a FastCGI program, and show the answer")
    .description(
      "curl for FastCGI: sends one request to a program, ours or anybody's, with the parameters that a web server would send,\n" +
        "and prints the body of the answer as it comes; what the program writes to its stderr goes to standard error. Without\n" +
        "an address the only app of the running manager is asked, or else the only one of the config.",
    )
    .argument("[uri]", "a path with its query, or a URL (/)");
  addAddress(command);
  addWhatToAsk(command);
  addParameters(command);
  addConversation(command);
  addAnswer(command);
  command.addHelpText("after", requestExamples).action(async (uri: string | undefined, options) => {
    const { request } = await import("./request.ts");
    finish(await request(uri ?? "/", options));
  });
}

function addAddress(command: Command): void {
  command
    .option("--socket <path>", "ask at this Unix socket")
    .option("--port <port>", "ask at this TCP port: 9000, 127.0.0.1:9000, php:9000")
    .option("--app <name>", "ask this app of a running manager, or of the config")
    .option("-c, --config <file>", "take the app's address from this file, and ask no manager")
    .addOption(
      new Option("--control <path>", "ask the manager of this control socket (every manager in the runtime directory)"),
    );
}

function addWhatToAsk(command: Command): void {
  const data = dataCollector();
  command
    .option("-X, --request <method>", "the method (GET, POST with a body, HEAD with -I)")
    .option(
      "-H, --header <line>",
      "'Name: value'; 'Name:' removes it, 'Name;' sends it empty, @FILE has one a line",
      more,
    )
    .addOption(
      data("text", "-d, --data <text>", "a form's data, joined with &; @FILE without line ends, @- is standard input"),
    )
    .addOption(data("raw", "--data-raw <text>", "the same, but @ has no meaning"))
    .addOption(data("binary", "--data-binary <text>", "the same, but @FILE and @- are sent as they are, and streamed"))
    .option("-G, --get", "send the data in the query");
}

function addParameters(command: Command): void {
  command
    .option("--as <server>", "send what this web server sends: nginx, apache or lighttpd (nginx)")
    .option("--script-name <path>", "where the program is mounted (the root)")
    .option("--root <directory>", "the document root: the path names a file in it, as for PHP")
    .option("--index <file>", "with --root: the file of a path that ends in / (index.php)")
    .option("--script-filename <file>", "the script, for php-cgi, php-fpm and fcgiwrap")
    .option("--param <name=value>", "set a parameter or replace it; NAME- removes it", more);
}

function addConversation(command: Command): void {
  command
    .option("--role <role>", "responder, authorizer or filter (responder)")
    .option("--filter-data <file>", "what a filter works on; - is standard input")
    .option("--keep-conn", "set FCGI_KEEP_CONN; the connection is closed after the answer all the same")
    .option("--timeout <duration>", "for the whole request, 0 for ever (30s)")
    .option("--connect-timeout <duration>", "for the connection (that of --timeout)");
}

function addAnswer(command: Command): void {
  command
    .option("-i, --include", "print status and headers before the body")
    .option("-I, --head", "ask with HEAD, and print status and headers")
    .option("-o, --output <file>", "write the body there; - is standard output, whatever it is")
    .option("-s, --silent", "neither errors nor what the program writes to stderr")
    .option("-S, --show-error", "with -s: errors all the same")
    .option("-v, --verbose", "every record sent and received, on standard error")
    .option("--timing", "how long it took: connection, first byte, all")
    .option("--json", "print one JSON object, described in docs/request.md");
}

/** An option that may be given several times. */
function more(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Options that fill one list, so that the order in which they were given is kept. All of them are `data` afterwards. */
function dataCollector(): (kind: DataPart["kind"], flags: string, description: string) => Option {
  const parts: DataPart[] = [];
  return (kind, flags, description) => {
    const option = new Option(flags, description).argParser((text: string) => {
      parts.push({ kind, text });
      return parts;
    });
    option.attributeName = () => "data";
    return option;
  };
}

const doctorExamples = `
Examples:
  fcgi-pm doctor blog
  fcgi-pm doctor ./app.fcgi --user www-data
  fcgi-pm doctor --wsgi yourapplication:app --uri /news/
  fcgi-pm doctor php-cgi --root /var/www/html --uri /index.php
  fcgi-pm doctor blog --web-user www-data
  fcgi-pm doctor --log /var/log/nginx/error.log

Exit status: 0 nothing is broken, 4 something is, 1 the doctor could not do its work, 2 wrong usage, 5 wrong config.`;

function addDoctor(program: Command, finish: Finish): void {
  const command = program
    .command("doctor")
    .summary("try a deployment the way the web server would, and explain what is wrong")
    .description(
      "Starts the program as its manager would, on a socket of the doctor's own, asks it as the web server would, and stops\n" +
        "it; looks at the app's socket, at its web server's way to it, and at the running app. Each finding says what is\n" +
        "wrong, how it was seen, and what mends it. It changes nothing; but the program is started, several times if need be.\n" +
        "Names an app of the config or of a running manager, or a program with the flags of start; without a name every app\n" +
        "is examined, with --socket or --port alone somebody else's server.",
    )
    .argument("[program...]", "an app, or a program and its arguments")
    .option("-c, --config <file>", "the config that has the app (./fcgi-pm.toml, then /etc/fcgi-pm/fcgi-pm.toml)")
    .option("-n, --name <name>", "the app's name (the program's name without its ending)")
    .option("--control <path>", "the control socket of the manager that has the app")
    .option("--uri <path>", "what is asked: a path with its query, or a URL (/)")
    .option("-d, --data <text>", "ask by POST with this body, once")
    .option("--root <directory>", "the document root, for programs that run scripts (PHP)")
    .option("--script-filename <path>", "the script that they run")
    .option("--as <server>", "the web server that is imitated: nginx, apache or lighttpd (nginx)")
    .option("--web-user <user>", "the user that has to reach the socket (the one of the web server that runs)")
    .option("--timeout <duration>", "how long an answer may take: the idle timeout of the web server (60s)")
    .option("--log-line <text>", "explain this line of a web server's error log; may be repeated", more)
    .option("--log <file>", "explain the last 1000 lines of this log; - is standard input")
    .option("--json", "print one JSON object, described in docs/doctor.md")
    .addHelpText("after", doctorExamples);
  addFlags(command, appFlags).action(async (words: string[], _options, self: Command) => {
    const { doctor } = await import("./doctor.ts");
    finish(await doctor(words, self));
  });
}
