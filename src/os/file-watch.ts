/** Tells when files have changed and then been left alone for a moment: a deploy writes many. */
import { watch } from "chokidar";
import { nowMs } from "./clock.ts";

export interface FileWatch {
  close(): Promise<void>;
}

/** So long nothing may change before it is told. */
const quietMs = 300;
/** Where files never come to rest it is told after so long. */
const longestMs = 10_000;

/** Watches files and directories with all that is in them; what is missing is watched from when it appears. */
export function watchFiles(paths: readonly string[], onQuiet: (path: string) => void): FileWatch {
  let timer: NodeJS.Timeout | undefined;
  let firstMs = 0;
  const watcher = watch([...paths], { ignoreInitial: true });
  watcher.on("all", (_event, path) => {
    const atMs = nowMs();
    if (timer === undefined) firstMs = atMs;
    clearTimeout(timer);
    const waitMs = Math.max(0, Math.min(quietMs, firstMs + longestMs - atMs));
    timer = setTimeout(() => {
      timer = undefined;
      onQuiet(path);
    }, waitMs);
  });
  // A directory that may not be read: the others are watched on.
  watcher.on("error", () => {});
  return {
    close: async () => {
      clearTimeout(timer);
      await watcher.close();
    },
  };
}
