/** Lines of configuration: blocks, comments, and literal text in a regular expression. */

const mostColumns = 110;

/** The head, its body one step further in, and the end. */
export function block(head: string, body: readonly string[], end = "}"): string[] {
  return [head, ...body.map((line) => (line === "" ? "" : `    ${line}`)), end];
}

/** A paragraph as lines that start with `#`. */
export function comment(text: string): string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > mostColumns) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

/** With an empty line between the parts that are there. */
export function paragraphs(...parts: readonly (readonly string[])[]): string[] {
  return parts.filter((part) => part.length > 0).flatMap((part, index) => (index === 0 ? part : ["", ...part]));
}

/** For PCRE, Go and HAProxy alike. */
export function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** `a|b`, as a group where there are several. */
export function oneOf(words: readonly string[]): string {
  const all = words.map(literally).join("|");
  return words.length === 1 ? all : `(?:${all})`;
}

/** `[::1]:9000`, `127.0.0.1:9000`. */
export function hostAndPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
