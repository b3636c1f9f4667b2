/** What becomes of each setting of a `[Service]` and a `[Socket]`. */
import type { Draft, Given } from "./draft.ts";
import { addEnv, addTo, passEnv, remark } from "./draft.ts";
import type { Rule, Rules } from "./rules.ts";
import { durationOf, elsewhere, isYes, lost, same, toAccount, toInteger, toMode, toSignal } from "./rules.ts";
import { timeOf, unitWords } from "./systemd-unit.ts";

/** The unit of fcgi-pm itself takes it. */
const ofService = elsewhere("it belongs to the service of fcgi-pm: fcgi-pm generate systemd, or a drop-in for it");

export const serviceOptions: Rules = {
  User: toAccount("user"),
  Group: toAccount("group"),
  WorkingDirectory: takeDirectory,
  DynamicUser: takeDynamicUser,
  Environment: takeEnvironment,
  PassEnvironment: (draft, given) => passEnv(draft, given, unitWords(given.value) ?? []),
  UMask: toMode("umask"),
  Nice: toInteger("priority", -20, 19),
  LimitNOFILE: toLimit("nofile"),
  LimitCORE: toLimit("core"),
  LimitAS: toLimit("as"),
  LimitNPROC: toLimit("nproc"),
  KillSignal: toSignal,
  TimeoutStopSec: toTime("stop-timeout"),
  TimeoutStartSec: toTime("start-timeout"),
  RestartSec: toTime("restart-delay"),
  Restart: takeRestart,
  Type: same("fcgi-pm sees by itself when a worker is ready"),
  PIDFile: same("there are no pid files"),
  KillMode: same("KILL goes to the process group of a worker"),
  SupplementaryGroups: lost("workers have the supplementary groups of their user: make it a member"),
  RuntimeDirectory: ofRuntime,
  RuntimeDirectoryMode: ofRuntime,
  RuntimeDirectoryPreserve: ofRuntime,
  StandardInput: same("file descriptor 0 of a worker is the listening socket"),
  StandardOutput: same("lines of workers go to the manager's log, and so to the journal; output-file names a file"),
  StandardError: same("lines of workers go to the manager's log, and so to the journal; output-file names a file"),
  ExecReload: lost("fcgi-pm reload APP rolls to new workers"),
  ExecStop: lost("workers are stopped by stop-signal"),
  ExecStopPost: lost("no command runs behind an app: a service of its own can"),
  ExecStartPost: lost("no command runs behind an app: a service of its own can"),
  ExecStartPre: lost("no command runs before an app: ExecStartPre= of fcgi-pm's service, or the program itself, can"),
  RemainAfterExit: same("an app is wanted as long as its config has it"),
  SuccessExitStatus: lost("a worker is replaced whatever its exit status is; 0 is no failure"),
  RestartPreventExitStatus: lost("a worker is replaced whatever its exit status is"),
  StartLimitBurst: lost("fcgi-pm never gives up: the wait grows up to max-restart-delay"),
  StartLimitIntervalSec: lost("fcgi-pm never gives up: the wait grows up to max-restart-delay"),
  NonBlocking: lost("the listener is always a blocking one: most FastCGI libraries need that"),
  Sockets: same("the app has its listener"),
  SyslogIdentifier: same("each record names its app"),
};

/** The `[Socket]` beside it. */
export const socketOptions: Rules = {
  Backlog: toInteger("listen-queue-depth", 1, 65_535),
  SocketMode: toMode("socket-mode"),
  Accept: takeAccept,
  RemoveOnStop: same("a socket's path goes with its app"),
  DirectoryMode: elsewhere("the directory has to be there: RuntimeDirectory= of fcgi-pm's service makes it"),
  Service: same("an app has its listener itself"),
  FileDescriptorName: same("an app has its listener itself"),
};

/** The others of a section. */
export function takeOther(section: string): Rule {
  if (section === "Unit" || section === "Install")
    return elsewhere("it belongs to the service of fcgi-pm, which has all apps: fcgi-pm install");
  if (section === "Socket") return lost("fcgi-pm sets no such option on a listener");
  return ofService;
}

function takeDynamicUser(draft: Draft, given: Given): void {
  if (isYes(given.value) === true)
    lost("fcgi-pm makes up no users: make one for this app and name it in user, else it runs as the manager does")(
      draft,
      given,
    );
  else same("no user is made up")(draft, given);
}

function takeDirectory(draft: Draft, given: Given): void {
  const path = given.value.replace(/^-/, "");
  if (path === "") return void draft.settings.delete("cwd");
  if (path === "~") {
    lost("cwd takes a path: write the home directory")(draft, given);
    return;
  }
  if (given.value.startsWith("-")) remark(draft.remarks, "changed", given, "the directory has to be there");
  draft.settings.set("cwd", path);
}

/** `"A=b c" D=e`; an empty one forgets those before it. */
function takeEnvironment(draft: Draft, given: Given): void {
  const words = unitWords(given.value);
  if (words === undefined) {
    lost("a quote is not closed")(draft, given);
    return;
  }
  addEnv(
    draft,
    given,
    words.map((word) => [word.split("=")[0] ?? "", word.slice(word.indexOf("=") + 1)] as const),
  );
}

function takeRestart(draft: Draft, given: Given): void {
  if (given.value === "always") same("a worker that ends is always replaced")(draft, given);
  else lost("a worker that ends is always replaced, whatever its exit status is")(draft, given);
}

function takeAccept(draft: Draft, given: Given): void {
  if (/^(?:no|false|off|0)$/i.test(given.value)) same("workers accept connections themselves")(draft, given);
  else lost("a process for each connection is no FastCGI")(draft, given);
}

function ofRuntime(draft: Draft, given: Given): void {
  elsewhere(
    `RuntimeDirectory=${given.written.startsWith("RuntimeDirectory=") ? given.value : "…"} in the service of fcgi-pm makes it before the apps start`,
  )(draft, given);
}

function toTime(key: string): Rule {
  return (draft, given) => {
    const ms = timeOf(given.value);
    const text = ms === undefined ? undefined : durationOf(key === "stop-timeout" ? ms : Math.max(1, ms));
    if (text === undefined) lost(`${key} takes a time of up to 24 days`)(draft, given);
    else draft.settings.set(key, text);
    if (key === "restart-delay" && ms !== undefined && ms > 60_000 && text !== undefined)
      draft.settings.set("max-restart-delay", text);
  };
}

function toLimit(name: "nofile" | "core" | "as" | "nproc"): Rule {
  return (draft, given) => {
    const soft = given.value.split(":")[0] ?? "";
    if (soft === "infinity") addTo(draft, "rlimits", { [name]: "unlimited" });
    else if (/^\d+$/.test(soft) && Number.isSafeInteger(Number(soft)))
      addTo(draft, "rlimits", { [name]: Number(soft) });
    else if (/^\d+[KMGT]$/.test(soft)) addTo(draft, "rlimits", { [name]: soft });
    else lost("a number, a size or infinity is expected")(draft, given);
    if (given.value.includes(":")) remark(draft.remarks, "changed", given, "soft and hard limit are the same");
  };
}
