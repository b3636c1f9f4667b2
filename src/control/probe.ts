/** Does a manager listen at this path? */
import { connect } from "node:net";

/**
 * `"connected"`, or the name of the error: ECONNREFUSED where nobody listens (or where there is no socket), ENOENT, EACCES,
 * EAGAIN where too many wait. Never waits: a Unix socket connects at once or not at all.
 */
export function probe(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve("connected");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(String(error.code)));
  });
}
