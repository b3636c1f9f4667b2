/** A manager that does not start, as a service: the error names the unit where that may be why, and systemd is told of it. */
import { blameUnit } from "../diagnosis/unit-lag.ts";
import { FcgiPmError } from "../errors.ts";
import { visible } from "../observe/visible.ts";
import { Notifier } from "../os/systemd.ts";
import { ownLag } from "./unit-lag.ts";

/** Gives the error to be told. `socket`: where systemd listens for news, if it does. */
export async function explainFailedStart(
  error: unknown,
  config: string | undefined,
  socket: string | undefined,
): Promise<unknown> {
  const told = blameUnit(error, await ownLag(config));
  // What we write last reaches the journal when we are gone, and `systemctl status` knows not whose it was.
  if (socket !== undefined && told instanceof FcgiPmError) {
    const notifier = new Notifier(socket);
    const words = `${told.message}; try: ${told.remedy}`.replaceAll("\n", "; ");
    notifier.tell([`STATUS=${visible(words)}`]);
    notifier.close();
  }
  return told;
}
