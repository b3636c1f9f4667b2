/** What a worker of a trial writes to its own stdout and stderr, for the report. */
import { LastLines, LineSplitter } from "../observe/lines.ts";
import { readPipe } from "../os/pipe.ts";

/** So many of its last lines are shown: a traceback with its frames. */
const mostLines = 40;
/** Of its stdout the start is kept: a CGI script's headers. */
const mostStartBytes = 1024;

export interface TrialOutput {
  /** The last lines of both. */
  lines(): readonly string[];
  /** The first bytes that it wrote to stdout, a character each. */
  stdoutStart(): string;
  /** From here on only what comes new. */
  forget(): void;
  /** Takes what is in the pipes now. */
  drain(): void;
  close(): void;
}

export function readTrialOutput(fds: { stdoutFd: number; stderrFd: number }): TrialOutput {
  let last = new LastLines(mostLines);
  let start = "";
  const keepStart = (chunk: Buffer) => {
    start = (start + chunk.toString("latin1", 0, mostStartBytes)).slice(0, mostStartBytes);
  };
  const open = (fd: number, onChunk: (chunk: Buffer) => void) => {
    const splitter = new LineSplitter(({ bytes }) => last.add(bytes.toString("utf8")));
    const take = (chunk: Buffer) => {
      onChunk(chunk);
      splitter.push(chunk);
    };
    const reader = readPipe(fd, take, () => splitter.end());
    return { ...reader, begun: () => splitter.begun.toString("utf8") };
  };
  const readers = [open(fds.stdoutFd, keepStart), open(fds.stderrFd, () => {})];
  const drain = () => {
    for (const reader of readers) reader.drain();
  };
  return {
    lines: () => last.with(readers.map((reader) => reader.begun()).filter((text) => text !== "")),
    stdoutStart: () => start,
    forget: () => {
      drain();
      last = new LastLines(mostLines);
      start = "";
    },
    drain,
    close: () => {
      for (const reader of readers) reader.close();
    },
  };
}
