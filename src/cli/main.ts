/** Words in, exit status out. */
import { type Command, CommanderError } from "commander";
import { FcgiPmError } from "../errors.ts";
import { buildCommands } from "./commands.ts";
import { complain, type Tongue } from "./complain.ts";
import { version } from "./version.ts";

/** Commander has printed what is wrong; help and version are no errors. */
async function statusOf(error: unknown, tongue: Tongue): Promise<number> {
  if (!(error instanceof CommanderError)) return complain(error, tongue);
  if (error.exitCode === 0) return 0;
  const remedy = await adviceOn(error);
  if (tongue === "json") return complain(asUsage(error, remedy), tongue);
  if (remedy !== undefined) process.stderr.write(`  try: ${remedy}\n`);
  return 2;
}

/** What to type instead; nothing where commander has said it. */
async function adviceOn({ code, message }: CommanderError): Promise<string | undefined> {
  const [, , command = ""] = process.argv;
  if (command === "request") {
    const { adviceOnCurl } = await import("./request-curl.ts");
    const advice = adviceOnCurl(message);
    if (advice !== undefined) return advice;
  }
  if (/Did you mean/.test(message) || code === "commander.help") return undefined;
  if (code === "commander.unknownOption" && command === "start")
    return "put -- before the program's own arguments: fcgi-pm start php-cgi -- -d display_errors=1";
  if (code === "commander.unknownOption" && command === "check") return "fcgi-pm check FILE";
  const isCommand = code !== "commander.unknownCommand" && !command.startsWith("-");
  return isCommand ? `fcgi-pm ${command} --help` : "fcgi-pm --help";
}

function asUsage({ message }: CommanderError, remedy: string | undefined): FcgiPmError {
  const text = message.replace(/^error: /, "").replaceAll("\n", " ");
  return new FcgiPmError("FCGI_PM_USAGE_WRONG", text, remedy === undefined ? {} : { remedy });
}

/** Known before the words are understood: what is wrong with them is said in the same tongue. */
function tongueOf(words: readonly string[]): Tongue {
  const end = words.indexOf("--");
  const ours = end === -1 ? words : words.slice(0, end);
  return words[0] !== "start" && ours.includes("--json") ? "json" : "words";
}

function asksForHelp(words: readonly string[]): boolean {
  return words.includes("--help") || words.includes("-h");
}

function mute(program: Command): void {
  for (const command of [program, ...program.commands]) command.configureOutput({ writeErr: () => {} });
}

async function main(): Promise<number> {
  if (process.argv[2] === "__complete") {
    const { complete } = await import("./complete.ts");
    await complete(process.argv.slice(3));
    return 0;
  }
  let status = 0;
  const tongue = tongueOf(process.argv.slice(2));
  try {
    const program = buildCommands(version, (given) => {
      status = given;
    });
    if (tongue === "json") mute(program);
    // A reader that goes away while help is printed is no crash. A manager has no need of it, and no time for it.
    if (process.argv[2] !== "start" || asksForHelp(process.argv)) process.stdout.on("error", () => {});
    if (process.argv.length <= 2) program.outputHelp({ error: true });
    if (process.argv.length <= 2) return 2;
    await program.parseAsync();
    return status;
  } catch (error) {
    return statusOf(error, tongue);
  }
}

void main().then((status) => process.exit(status));
