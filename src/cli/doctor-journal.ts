/** What the doctor says while it works: one line on a terminal, which goes again. */
import type { Journal } from "../doctor/patient.ts";
import { cut, oneCell } from "../observe/width.ts";

export interface ShownJournal extends Journal {
  /** What was tried so far, for one patient; it is forgotten then. */
  take(): string[];
  /** Takes the line away. */
  clear(): void;
}

export function openJournal(signal: AbortSignal, isQuiet: boolean): ShownJournal {
  const { stderr } = process;
  const isShown = !isQuiet && stderr.isTTY === true;
  let tried: string[] = [];
  const clear = () => {
    if (isShown) stderr.write("\r\x1b[K");
  };
  return {
    signal,
    say: (text) => {
      if (isShown) stderr.write(`\r\x1b[K${cut(`${oneCell(text)} …`, (stderr.columns || 80) - 1)}`);
    },
    tried: (text) => {
      tried.push(text);
    },
    take: () => {
      const taken = tried;
      tried = [];
      return taken;
    },
    clear,
  };
}
