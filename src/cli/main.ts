/** Words in, exit status out. */
import { CommanderError } from "commander";
import { buildCommands } from "./commands.ts";
import { complain } from "./complain.ts";
import { version } from "./version.ts";

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
    const program = buildCommands(version, (given) => {
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

void main().then((status) => process.exit(status));
