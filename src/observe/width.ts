/** How much room a text takes on a terminal. */
import { visible } from "./visible.ts";

/** Characters that take two columns: East Asian wide and fullwidth ones (Unicode's EastAsianWidth), and emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
/** Characters that take none: accents that combine, joiners, marks of direction. */
const narrow = /[\p{Mn}\p{Me}\p{Cf}]/u;
const plain = /^[ -~]*$/;

/** Columns that the text takes. Meant for text without control characters: see `oneCell`. */
export function displayWidth(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += widthOf(char);
  return width;
}

function widthOf(char: string): number {
  if (plain.test(char)) return 1;
  if (wide.test(char)) return 2;
  return narrow.test(char) ? 0 : 1;
}

/** The text in at most `width` columns; what is cut off is shown by an ellipsis. Undefined: there is room for all. */
export function cut(text: string, width: number | undefined): string {
  if (width === undefined || displayWidth(text) <= width) return text;
  let kept = "";
  let room = width - 1;
  for (const char of text) {
    room -= widthOf(char);
    if (room < 0) break;
    kept += char;
  }
  return width < 1 ? "" : `${kept}…`;
}

/** Filled up with blanks to `width` columns. */
export function pad(text: string, width: number, side: "left" | "right"): string {
  const blanks = " ".repeat(Math.max(0, width - displayWidth(text)));
  return side === "left" ? `${text}${blanks}` : `${blanks}${text}`;
}

/**
 * Text of others on one line of a terminal: besides control characters, line ends, and marks that turn the direction of
 * writing, which make a line look like another, are shown as `\x0a` or `\u202e`.
 */
export function oneLine(text: string): string {
  return visible(text).replace(/[\n\u2028-\u202e\u2066-\u2069]/g, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

/** The same for a place where every character has to take the room it is counted for: without tabs. */
export function oneCell(text: string): string {
  return oneLine(text).replaceAll("\t", "    ");
}
