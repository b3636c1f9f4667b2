/** Colours for people at a terminal, by meaning rather than by taste. */

export type Style = "bold" | "dim" | "good" | "under-way" | "warning" | "bad";

/** What switches the style on, and what switches it off again (ECMA-48, "select graphic rendition"). */
const codes: { readonly [S in Style]: readonly [number, number] } = {
  bold: [1, 22],
  dim: [2, 22],
  good: [32, 39],
  "under-way": [36, 39],
  warning: [33, 39],
  bad: [31, 39],
};

/** The text in that style. Without colour, or without a style, it stays as it is. */
export function paint(text: string, style: Style | undefined, colour: boolean): string {
  if (!colour || style === undefined || text === "") return text;
  const [on, off] = codes[style];
  return `\x1b[${on}m${text}\x1b[${off}m`;
}
