/** Starts the service, and gives up as soon as it is plain that nothing in it will run. */
import { connectControl } from "../control/client.ts";
import { FcgiPmError } from "../errors.ts";
import { controlDirectory } from "../os/runtime-dir.ts";
import { lastWords, propertyOf, type Systemd, systemctl, systemctlWords } from "./systemctl.ts";

/** A unit, and where its manager is asked if not in the usual place. */
export interface Started {
  readonly systemd: Systemd;
  readonly service: string;
  readonly control: string | undefined;
}

/** How often the manager is asked meanwhile. */
const lookEveryMs = 250;

/** `words` for systemctl end when the service is ready. Throws the reason why it is not, in its own words, with the service stopped. */
export async function startUnit(started: Started, words: readonly string[]): Promise<void> {
  const { systemd, service } = started;
  const over = new AbortController();
  const former = await propertyOf(systemd, service, "MainPID");
  const starting = systemctl(systemd, ...words).then(
    () => "ready" as const,
    () => "failed" as const,
  );
  // systemd itself would wait for TimeoutStartSec: a manager whose apps are all in crash loops is alive and well.
  const outcome = await Promise.race([starting, crashLoop(started, former, over.signal)]);
  over.abort();
  if (outcome === "ready") return;
  const lastLines = await lastWords(systemd, service);
  await systemctl(systemd, "stop", service).catch(() => {});
  await starting;
  const again = systemctlWords(systemd, "start", service);
  throw new FcgiPmError(
    "FCGI_PM_UNIT_FAILED",
    `Cannot start ${service}: it is installed and enabled, but does not get ready`,
    {
      details: [{ lastLines }],
      remedy: `mend what is named above, then: ${again}; or take it back: fcgi-pm uninstall`,
    },
  );
}

/** The control socket of the manager that is the service now. */
export async function controlOf(systemd: Systemd, service: string): Promise<string> {
  return `${controlDirectory(process.env)}/${await propertyOf(systemd, service, "MainPID")}.control`;
}

/** Resolves when every app waits for its next try; never, if that does not come. `former`: the manager that a restart ends. */
async function crashLoop(
  { systemd, service, control }: Started,
  former: string,
  over: AbortSignal,
): Promise<"hopeless"> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    if (over.aborted) return new Promise(() => {});
    if (await isHopeless(control ?? (await controlOf(systemd, service)), former)) return "hopeless";
  }
}

/** As long as nobody answers there is hope. */
async function isHopeless(control: string, former: string): Promise<boolean> {
  try {
    const { apps, manager } = await connectControl(control, { timeoutMs: 5000 }).status();
    return String(manager.pid) !== former && apps.length > 0 && apps.every(({ state }) => state === "backoff");
  } catch (error) {
    if (error instanceof FcgiPmError) return false;
    throw error;
  }
}
