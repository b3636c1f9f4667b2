/** A socket that a program left at its path: one that was ended by a signal removes nothing. */
import { lstatSync, unlinkSync } from "node:fs";
import { createConnection } from "node:net";

/** Removes it if it is a socket on which nobody listens any more; tells whether the path is free. */
export async function removeLeftSocket(path: string): Promise<boolean> {
  try {
    if (!lstatSync(path).isSocket() || (await connectError(path)) !== "ECONNREFUSED") return false;
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The system's name of why nobody can connect there; undefined where somebody listens. */
function connectError(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection(path, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code));
  });
}
