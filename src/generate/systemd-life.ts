/** How the service is started, reloaded, stopped and kept alive. */
import { isTemplate, runtimeOf, type Service } from "./deployment.ts";
import { execWord, pathWord, plainValue, type Setting, setting, type Unit } from "./systemd-unit.ts";

export function lifeSettings(service: Service, sockets: readonly Unit[]): Setting[] {
  return [
    setting(
      "Started means: no app is starting any more. One in a crash loop is not waited for while another one serves.",
      "Type=notify",
      "NotifyAccess=main",
    ),
    setting("In the journal it is not called node.", "SyslogIdentifier=fcgi-pm"),
    ...runSettings(service),
    ...environmentSettings(service),
    ...userSettings(service),
    ...directorySettings(service, sockets),
    ...timeSettings(service),
    ...limitSettings(service),
  ];
}

/** With one manager's own control socket, whatever else runs. */
function runSettings(service: Service): Setting[] {
  const program = service.program.map(execWord).join(" ");
  const config = service.config === undefined ? "/etc/fcgi-pm/%i.toml" : execWord(service.config);
  const control =
    service.control === undefined ? `%t/${runtimeOf(service)}/control/\${MAINPID}.control` : execWord(service.control);
  return [
    setting("The manager stays in the foreground.", `ExecStart=${program} start --config ${config}`),
    setting(
      "Waits for the end of the reload, and fails if it was taken back. A signal alone would be answered at once.",
      `ExecReload=${program} reload --control ${control}`,
    ),
  ];
}

function environmentSettings(service: Service): Setting[] {
  if (!service.passesEnvironment && !isTemplate(service)) return [];
  const file = `/etc/default/${isTemplate(service) ? "fcgi-pm-%i" : service.name}`;
  return [
    setting("The variables that pass-env hands on to workers; the file may be missing.", `EnvironmentFile=-${file}`),
  ];
}

function userSettings({ user }: Service): Setting[] {
  // Root is what a system service is anyway; with User=root systemd 257 takes CAP_SETUID away where it filters system calls.
  if (user.kind !== "one") return [];
  const group = user.group === undefined ? [] : [`Group=${plainValue(user.group)}`];
  return [
    setting(
      "All workers are of this user, so the manager need be no other.",
      `User=${plainValue(user.user)}`,
      ...group,
    ),
  ];
}

function directorySettings(service: Service, sockets: readonly Unit[]): Setting[] {
  const runtime = runtimeOf(service);
  const logs = service.places.logs.map((directory) => pathWord(directory.slice("/var/log/".length)));
  // Taken away with the service, a listener that a socket unit holds would lose its path.
  const keep =
    sockets.length === 0
      ? setting(
          "A restart keeps it: clients find the sockets, and wait in their queues. A stop removes it.",
          "RuntimeDirectoryPreserve=restart",
        )
      : setting("A stop keeps it, too: sockets of socket units may lie there.", "RuntimeDirectoryPreserve=yes");
  return [
    setting(aboutRuntime(service), `RuntimeDirectory=${runtime}`, "RuntimeDirectoryMode=0755"),
    keep,
    ...(logs.length === 0
      ? []
      : [setting("Below /var/log, for the log files of the config.", `LogsDirectory=${logs.join(" ")}`)]),
  ];
}

function aboutRuntime(service: Service): string {
  const name = runtimeOf(service).replace("%i", "NAME");
  if (service.user.kind === "session")
    return `$XDG_RUNTIME_DIR/${name}, for sockets that nobody named and for commands. No other user can enter there: for a web server of another user give the app a port, or a socket elsewhere.`;
  return `/run/${name}, for sockets that nobody named and for commands; web servers may enter.`;
}

function timeSettings({ startMs, stopMs, sockets }: Service): Setting[] {
  const seconds = (ms: number, more: number) => Math.ceil(ms / 1000) + more;
  return [
    setting(
      "The manager alone is asked to stop, and lets every worker finish. What is left at the end is killed.",
      "KillMode=mixed",
    ),
    setting(
      "The longest start of an app, and for a reload the same; the manager asks for more while it gets on.",
      `TimeoutStartSec=${Math.max(90, seconds(startMs, 30))}`,
    ),
    setting(
      "The longest drain-timeout and stop-timeout together, and a little.",
      `TimeoutStopSec=${seconds(stopMs, 10)}`,
    ),
    setting(
      "A manager that dies is started again. Not after wrong flags (2) or a wrong config (5): nothing would change.",
      "Restart=on-failure",
      "RestartSec=1",
      "RestartPreventExitStatus=2 5",
    ),
    setting(
      "What the manager ends with when it is stopped before it was ready, and a reload command that a stop cuts short.",
      "SuccessExitStatus=143 SIGTERM",
    ),
    setting("A manager that gives no sign of life for so long is ended, and started again.", "WatchdogSec=30"),
    setting(
      "A worker that is killed for want of memory is replaced; the others need not end with it.",
      "OOMPolicy=continue",
    ),
    setting(
      "systemd keeps the listeners while there is no manager: a restart or a crash refuses no connection.",
      // Apps that move have two for a moment.
      `FileDescriptorStoreMax=${Math.max(512, 2 * sockets.length)}`,
    ),
  ];
}

function limitSettings({ openFiles, workers }: Service): Setting[] {
  const files = openFiles === "unlimited" ? "infinity" : Math.max(65_536, openFiles ?? 0);
  const many = workers > 500 ? [setting("The usual limit of tasks is for fewer workers.", "TasksMax=infinity")] : [];
  return [
    setting("Open files, for the manager and as the most that a worker may have.", `LimitNOFILE=${files}`),
    ...many,
  ];
}
