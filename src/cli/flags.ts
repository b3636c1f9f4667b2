/** Flags of the command line from the one table of keys. */
import { type Command, Option } from "commander";
import { flagOf, type NamedKey } from "../config/keys.ts";

/** Adds a flag for each key, in the order of the table, with its default and its meaning. */
export function addFlags(command: Command, keys: readonly NamedKey[]): Command {
  for (const key of keys) command.addOption(optionOf(key));
  return command;
}

/** The flags that were given, by the names of their keys. */
export function givenFlags(command: Command, keys: readonly NamedKey[]): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const key of keys) {
    const attribute = optionOf(key).attributeName();
    if (command.getOptionValueSource(attribute) === "cli") given[key.name] = command.getOptionValue(attribute);
  }
  return given;
}

function optionOf(key: NamedKey): Option {
  const fallback = (key.default ?? key.otherwise)?.replaceAll("`", "");
  const note = fallback === undefined || key.placeholder === "" ? "" : ` (${fallback})`;
  const option = new Option(flagOf(key), `${key.description}${note}`);
  if (key.repeats === true)
    option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  return option;
}
