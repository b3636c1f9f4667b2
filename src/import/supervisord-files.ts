/** supervisord.conf with the files that its `[include]` names, as one list of sections. */
import type { Option } from "./configparser.ts";
import { parseIni } from "./configparser.ts";
import type { Remark, World } from "./draft.ts";
import { remark } from "./draft.ts";
import { directoryOf, resolveFrom } from "./paths.ts";
import type { Expansions } from "./python-format.ts";
import { formatPython } from "./python-format.ts";

export interface FiledOption extends Option {
  readonly file: string;
}

/** A section of all files together: what a later file says of an option counts. */
export interface FiledSection {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly options: Map<string, FiledOption>;
}

/** Reads a main file and what it includes. Files are read once, in the order of supervisord: each pattern's in alphabetical order. */
export function readSupervisord(file: string, text: string, world: World, remarks: Remark[]): FiledSection[] {
  const sections = new Map<string, FiledSection>();
  addFile(sections, file, text, remarks);
  const files = sections.get("include")?.options.get("files");
  if (files === undefined) return [...sections.values()];
  const origin = { file: files.file, line: files.line };
  const given = { origin, written: `files=${files.value}` };
  const expanded = formatPython(files.value, commonExpansions(file, world));
  if (!("text" in expanded)) {
    remark(remarks, "lost", given, `what it includes could not be told: ${complaintOf(expanded)}`);
    return [...sections.values()];
  }
  for (const pattern of expanded.text.split(/\s+/).filter((word) => word !== "")) {
    const found = world.match(resolveFrom(directoryOf(file), pattern));
    if (found.length === 0) remark(remarks, "lost", { origin, written: `files=${pattern}` }, "no file fits");
    for (const one of found) {
      const more = world.read(one);
      if (more === undefined) remark(remarks, "lost", { origin, written: `files=${one}` }, "it cannot be read");
      else addFile(sections, one, more, remarks);
    }
  }
  return [...sections.values()];
}

/** Why a text could not be expanded. */
export function complaintOf(problem: { readonly missing: string } | { readonly wrong: string }): string {
  return "wrong" in problem ? problem.wrong : `nobody says what %(${problem.missing})s is`;
}

/** `%(here)s` is the directory of the file in which it is written. */
function addFile(sections: Map<string, FiledSection>, file: string, text: string, remarks: Remark[]): void {
  const { sections: own, problems } = parseIni(text);
  for (const { line, text: written } of problems)
    remark(remarks, "lost", { origin: { file, line }, written }, "supervisord does not understand this line either");
  for (const { name, line, options } of own) {
    const section = sections.get(name) ?? { name, file, line, options: new Map() };
    sections.set(name, section);
    for (const [key, option] of options)
      section.options.set(key, { ...option, value: expandHere(option.value, file), file });
  }
}

function expandHere(value: string, file: string): string {
  return value.replaceAll("%(here)s", directoryOf(file).replaceAll("%", "%%"));
}

/** Names that hold in every section: where the file lies, the machine, and variables. Those of `[supervisord]` outrank the environment. */
export function commonExpansions(file: string, world: World, own: ReadonlyMap<string, string> = new Map()): Expansions {
  return (name) => {
    if (name === "here") return directoryOf(file);
    if (name === "host_node_name") return world.host;
    if (!name.startsWith("ENV_")) return undefined;
    const variable = name.slice("ENV_".length);
    return own.get(variable) ?? world.variable(variable);
  };
}
