/** A peer that listens as systemd does for sd_notify. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { until } from "../helpers/wait.ts";

export interface News {
  /** The lines of the message. */
  readonly lines: readonly string[];
  /** Of the descriptors that came with it. */
  readonly inodes: readonly number[];
}

export interface NotifyPeer {
  readonly news: readonly News[];
  /** It reads only from now on. */
  read(): void;
  /** It reads nothing until `resume`: what is sent meanwhile lies there, with its descriptors. */
  pause(): void;
  resume(): void;
  /** The first message with this line, waited for. */
  see(line: string | RegExp): Promise<News>;
}

export interface Undo {
  push(step: () => void): void;
}

/** Listens at a path, or at an abstract name after `@`. */
export async function startNotifyPeer(
  undo: Undo,
  address: string,
  options: { isDeaf?: boolean } = {},
): Promise<NotifyPeer> {
  const child: ChildProcess = spawn("python3", [join(import.meta.dirname, "notify-peer.py"), address], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  undo.push(() => child.kill("SIGKILL"));
  const news: News[] = [];
  let isListening = false;
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (text) => {
    const message = JSON.parse(text) as { text: string; inodes: number[] };
    if (isListening) news.push({ lines: message.text.trimEnd().split("\n"), inodes: message.inodes });
    isListening = true;
  });
  await until(() => isListening, { what: "the peer to listen" });
  const read = () => void child.stdin?.write("\n");
  if (options.isDeaf !== true) read();
  const fits = (line: string | RegExp) => (one: string) => (typeof line === "string" ? one === line : line.test(one));
  return {
    news,
    read,
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    see: (line) =>
      until(() => news.find(({ lines }) => lines.some(fits(line))), {
        what: `a message with ${line}; there were ${JSON.stringify(news)}`,
        timeoutMs: 20_000,
      }),
  };
}
