/** What one worker writes: read from its two pipes, cut into lines, limited, passed to the journal; the last lines are kept. */
import { admit, type Flow, newFlow, takeDropped } from "../observe/flow.ts";
import { LastLines, type Line, LineSplitter } from "../observe/lines.ts";
import { recordOf, type Source } from "../observe/record.ts";
import { nowMs } from "../os/clock.ts";
import { type PipeReader, readPipe } from "../os/pipe.ts";
import type { Journal } from "./journal.ts";

export interface Output {
  /** Reads what a dead worker has left in its pipes, then gives its last lines. */
  lastWords(): readonly string[];
  close(): void;
}

export interface OutputOf {
  readonly app: string;
  readonly worker: number;
  readonly pid: number;
}

/** As many lines as interface.md promises with the reason of a death. */
const mostLastLines = 20;

/** While lines are being dropped, it is said this often. */
const saidEveryMs = 1000;

export function readOutput(fds: { stdoutFd: number; stderrFd: number }, of: OutputOf, journal: Journal): Output {
  const last = new LastLines(mostLastLines);
  let flow: Flow = newFlow(nowMs());
  let report: NodeJS.Timeout | undefined;
  let open = 2;

  const sayDropped = () => {
    report = undefined;
    const taken = takeDropped(flow);
    flow = taken.flow;
    if (taken.dropped.lines === 0) return;
    journal.tell(of.app, { type: "output.dropped", number: of.worker, ...taken.dropped });
  };
  const take = (line: Line, source: Source) => {
    const judged = admit(flow, line.bytes.length, nowMs());
    flow = judged.flow;
    if (!judged.passes) {
      report ??= setTimeout(sayDropped, saidEveryMs);
      return;
    }
    const text = line.bytes.toString("utf8");
    last.add(text);
    journal.line(recordOf(text, source, new Date().toISOString()));
    if (line.cutBytes > 0) journal.tell(of.app, { type: "output.cut", number: of.worker, cutBytes: line.cutBytes });
  };
  const finish = () => {
    open -= 1;
    if (open > 0) return;
    clearTimeout(report);
    sayDropped();
  };
  const read = (fd: number, stream: Source["stream"]): PipeReader & { begun(): string } => {
    const source = { ...of, stream };
    const splitter = new LineSplitter((line) => take(line, source));
    const end = () => {
      splitter.end();
      finish();
    };
    const reader = readPipe(fd, (chunk) => splitter.push(chunk), end);
    return { ...reader, begun: () => splitter.begun.toString("utf8") };
  };
  const readers = [read(fds.stdoutFd, "stdout"), read(fds.stderrFd, "stderr")];
  return {
    lastWords: () => {
      for (const reader of readers) reader.drain();
      return last.with(readers.map((reader) => reader.begun()).filter((text) => text !== ""));
    },
    close: () => {
      for (const reader of readers) reader.close();
    },
  };
}
