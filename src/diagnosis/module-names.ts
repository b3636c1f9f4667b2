/** Modules by their names: in which files they lie, and how they are installed. */
import type { Language } from "./answer-facts.ts";

/** The files, or directories, either of which would be the module, as seen from a directory that is searched. */
export function moduleFiles(language: Language, name: string): string[] {
  switch (language) {
    case "python": {
      const [top = ""] = name.split(".");
      return [`${top}.py`, `${top}/__init__.py`];
    }
    case "perl":
      return [`${name.replaceAll("::", "/")}.pm`];
    case "ruby":
      return [`${name}.rb`];
    case "node":
      return [`node_modules/${name}`];
    default:
      return [];
  }
}

/** The command that installs it. */
export function installed(language: Language, name: string, interpreter: string): string {
  switch (language) {
    case "python":
      return `${interpreter} -m pip install ${name.split(".")[0]}`;
    case "perl":
      return `cpan ${name}`;
    case "ruby":
      return `gem install ${name.split("/")[0]}`;
    case "node":
      return `npm install ${name}`;
    default:
      return `install ${name}`;
  }
}
