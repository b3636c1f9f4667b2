/** Words as a POSIX shell reads them. */

/** Quoted where a shell would read something else than the word. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
