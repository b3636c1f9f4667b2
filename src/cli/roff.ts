/** Text as man(7) takes it. */

/** Source lines are as long as this where a word is not longer. */
const longestLine = 78;

/** A paragraph: `code` is bold, lines are filled anew. */
export function prose(text: string): string {
  const parts = text.replaceAll("\n", " ").split(/(`[^`]+`)/);
  const marked = parts.map((part) =>
    /^`.+`$/.test(part) ? bold(part.slice(1, -1)).replaceAll(" ", "\\ ") : literal(part),
  );
  return filled(marked.join(""));
}

/** An entry of a list: what it is about, and what is said of it. */
export function entry(tag: string, text: string): string {
  return `.TP\n${protectedLine(tag)}\n${prose(text)}`;
}

export function section(title: string, ...parts: readonly string[]): string {
  return [`.SH ${title}`, ...parts].join("\n");
}

export function subsection(title: string, ...parts: readonly string[]): string {
  return [`.SS ${literal(title)}`, ...parts].join("\n");
}

/** Lines as they are, in a typewriter's letters. */
export function verbatim(lines: readonly string[]): string {
  return [".EX", ...lines.map((line) => protectedLine(literal(line))), ".EE"].join("\n");
}

export function paragraphs(...texts: readonly string[]): string {
  return texts.join("\n.PP\n");
}

/** `-c, --config <file>`, with what is typed as it stands in bold, and what is to be replaced in italics. */
export function flag(flags: string): string {
  return flags
    .split(/([<[][^>\]]+[>\]]|-[\w-]+)/)
    .map((part) => {
      if (part.startsWith("-")) return bold(part);
      return /^[<[]/.test(part) ? `\\fI${literal(part.slice(1, -1))}\\fP` : literal(part);
    })
    .join("");
}

export function bold(text: string): string {
  return `\\fB${literal(text)}\\fP`;
}

/** A minus that is typed must not become a hyphen; what is not ASCII is named by its number. */
function literal(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/[^\n -~]/gu, (char) => `\\[u${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

/** A point or an apostrophe at the beginning of a line would make a request of it. */
function protectedLine(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

function filled(text: string): string {
  const lines: string[] = [];
  // Two blanks in bold stand behind a backslash, and are no end of a word.
  for (const word of text.split(/(?<!\\) +/).filter((one) => one !== "")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= longestLine) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map(protectedLine).join("\n");
}
