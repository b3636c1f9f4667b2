/** All apps in one line, as `systemctl status` shows it. */
import { formatDuration } from "../units.ts";
import type { AppStatus } from "./status.ts";

/** systemd throws away messages of more than 4096 bytes; a line that long is nobody's reading. */
const longest = 1000;

/** `blog 4/4 ready, 2 busy, queue 0; shop stopped`. Of too many apps the sum, and those that are not as they should be. */
export function statusLine(apps: readonly AppStatus[]): string {
  const all = apps.map(describe);
  const line = all.join("; ");
  if (line.length <= longest) return line;
  const troubled = all.filter((_, index) => apps[index]?.state !== "running");
  return troubled.reduce(
    (sum, one) => (sum.length + one.length + 2 <= longest ? `${sum}; ${one}` : sum),
    `${apps.length} apps: ${counts(total(apps))}`,
  );
}

function describe(app: AppStatus): string {
  const { app: name, state } = app;
  const living = app.workers.filter(({ pid }) => pid !== null).length;
  if (state === "stopped") return `${name} stopped`;
  if (state === "stopping") return `${name} stopping, ${living} left`;
  const roll = app.roll === null ? "" : `, reload ${app.roll.done}/${app.roll.of}`;
  const isStuck = state === "backoff" || state === "degraded";
  const next = isStuck && app.nextTryInMs !== null ? `, next try in ${formatDuration(app.nextTryInMs)}` : "";
  return `${name} ${counts(app)}${roll}${next}`;
}

type Counts = Pick<AppStatus, "ready" | "wanted" | "busy" | "queue">;

/** Where the kernel does not tell, nothing is said. */
function counts({ ready, wanted, busy, queue }: Counts): string {
  const parts = [`${ready}/${wanted} ready`];
  if (busy !== null) parts.push(`${busy} busy`);
  if (queue !== null) parts.push(`queue ${queue}`);
  return parts.join(", ");
}

function total(apps: readonly AppStatus[]): Counts {
  const sum = (value: (app: AppStatus) => number | null) => apps.reduce((all, app) => all + (value(app) ?? 0), 0);
  return {
    ready: sum(({ ready }) => ready),
    wanted: sum(({ wanted }) => wanted),
    busy: sum(({ busy }) => busy),
    queue: sum(({ queue }) => queue),
  };
}
