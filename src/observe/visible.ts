/** Text of others, made harmless for a terminal. */

/** Control characters as `\x1b`: what a worker writes cannot move the cursor or change colours. Tabs and line ends stay. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
