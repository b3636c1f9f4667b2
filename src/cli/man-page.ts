/** The manual page fcgi-pm(1), from the commands and the key table, as docs/commands.md is. No program imports this file. */
import type { Argument, Command, Option } from "commander";
import { appFlags, flagOf, managerFlags, type NamedKey } from "../config/keys.ts";
import { examples, exitStatuses, signals, variables } from "./commands.ts";
import { bold, entry, flag, paragraphs, prose, section, subsection, verbatim } from "./roff.ts";

/** When the page was last looked through; a manual page has to have a date. */
const date = "2026-11-21";

const keys: readonly NamedKey[] = [...appFlags, ...managerFlags];

export function manPage(program: Command, version: string): string {
  return `${[
    '.\\" Written by test/docs-man.test.ts from src/cli/commands.ts and the key table.',
    `.TH FCGI\\-PM 1 ${date} "fcgi\\-pm ${version}" "User Commands"`,
    section("NAME", `fcgi\\-pm \\- ${shortOf(program)}`),
    section("SYNOPSIS", ...synopsis(program)),
    section("DESCRIPTION", paragraphs(...description.map(prose))),
    section("COMMANDS", ...program.commands.map(commandPart)),
    section("OPTIONS", ...optionParts()),
    section("FILES", ...files.map(([name, text]) => entry(bold(name), text))),
    section("ENVIRONMENT", ...variables.map(([names, text]) => entry(bold(names), text))),
    section(
      "SIGNALS",
      prose("What the manager does on a signal:"),
      ...signals.map(([names, text]) => entry(bold(names), text)),
    ),
    section("EXIT STATUS", ...exitStatuses.map(([status, text]) => entry(bold(status), text))),
    section("EXAMPLES", verbatim(exampleLines())),
    section("SEE ALSO", seeAlso),
  ].join("\n")}\n`;
}

const description = [
  "fcgi-pm starts FastCGI programs, keeps as many of them as are wanted, and replaces those that die. The manager holds one " +
    "listening socket for each app; its workers share it, and the web server connects to it. No request passes through the " +
    "manager, and none is lost when it reloads.",
  "An app is described by the options of `start`, or by a file in TOML that describes many of them. A key of the file is called as " +
    "its option is, without the dashes. All other commands ask a running manager for something, tell it something, or help with the " +
    "deployment.",
];

const files: readonly (readonly [string, string])[] = [
  ["./fcgi-pm.toml", "the config, where no other is named"],
  ["/etc/fcgi-pm/fcgi-pm.toml", "the config, where there is none in the current directory"],
  [
    "/run/fcgi-pm",
    "the runtime directory of root; of other users it is `$XDG_RUNTIME_DIR/fcgi-pm`, of services the one that systemd names",
  ],
  ["/run/fcgi-pm/NAME.sock", "the socket of an app that names none"],
  ["/run/fcgi-pm/control/PID.control", "the control socket of a manager: HTTP and JSON, for its user alone"],
];

const seeAlso = [
  ["systemctl", 1],
  ["journalctl", 1],
  ["spawn\\-fcgi", 1],
  ["php\\-cgi", 1],
  ["systemd.service", 5],
  ["nginx", 8],
]
  .map(([name, number]) => `.BR ${name} (${number})`)
  .join(" ,\n");

function synopsis(program: Command): string[] {
  const lines = program.commands.map((command) => {
    const words = command.registeredArguments.map(argumentWord);
    return [bold(`fcgi-pm ${command.name()}`), "[\\fIoption\\fP ...]", ...words].join(" ");
  });
  return [lines.join("\n.br\n")];
}

function argumentWord(argument: Argument): string {
  const word = `${flag(`<${argument.name()}>`)}${argument.variadic ? " ..." : ""}`;
  return argument.required ? word : `[${word}]`;
}

function commandPart(command: Command): string {
  const named = command.registeredArguments.filter((argument) => argument.description !== "");
  return subsection(
    `fcgi-pm ${command.name()}`,
    prose(command.description()),
    ...named.map((argument) => entry(flag(`<${argument.name()}>`), argument.description)),
    ...own(command).map((option) => entry(flag(option.flags), option.description)),
    ...furtherOptions(command),
  );
}

function furtherOptions(command: Command): string[] {
  if (keysOf(command).length === 0) return [];
  const whose = command.name() === "start" ? "an app and of the manager" : "an app";
  return [".PP", prose(`The options of ${whose} stand below.`)];
}

function own(command: Command): readonly Option[] {
  return command.options.filter((option) => !keysOf(command).some((key) => flagOf(key) === option.flags));
}

/** The keys that a command takes as options; in others an option may be called like one. */
function keysOf(command: Command): readonly NamedKey[] {
  if (command.name() === "start") return keys;
  return command.name() === "doctor" ? appFlags : [];
}

function optionParts(): string[] {
  const groups = [...new Set(keys.map((key) => key.group))];
  return [
    entry(flag("-V, --version"), "print the version"),
    entry(flag("-h, --help"), "print the help of fcgi-pm, or of a command"),
    ...groups.map((group) => subsection(group, ...keys.filter((key) => key.group === group).map(keyEntry))),
  ];
}

function keyEntry(key: NamedKey): string {
  const fallback = key.default === undefined ? key.otherwise : `\`${key.default}\``;
  const about = key.placeholder === "" || fallback === undefined ? "" : ` Default: ${fallback}.`;
  return entry(flag(flagOf(key)), `${key.description}${key.repeats === true ? " May be repeated." : ""}${about}`);
}

function exampleLines(): string[] {
  const lines = examples.split("\n").filter((line) => line.startsWith("  fcgi-pm "));
  return lines.map((line) => line.trim());
}

/** "a FastCGI process manager": what apropos(1) finds has to stand on one line. */
function shortOf(program: Command): string {
  const [first = ""] = program.description().split(":");
  return `${first.charAt(0).toLowerCase()}${first.slice(1)}`;
}
