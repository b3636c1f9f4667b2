/** What becomes of each option of php-fpm 8, as its php-fpm.conf and www.conf list them. */
import type { Draft, Given } from "./draft.ts";
import { addTo } from "./draft.ts";
import type { Rule, Rules } from "./rules.ts";
import { either, elsewhere, lost, readInteger, same, toAccount, toInteger, toMode, toText } from "./rules.ts";

const fixed = "the number of workers is fixed: fcgi-pm scale APP N changes it while it runs";
const page = "fcgi-pm status shows workers and queue from outside, with no request and no URL of its own";
const slow = "fcgi-pm does not look into scripts: fcgi-pm status shows which workers are busy, and for how long";
const accessLog = "the web server has an access log";

export const poolOptions: Rules = {
  user: toAccount("user"),
  group: toAccount("group"),
  "listen.backlog": toBacklog,
  "listen.mode": toMode("socket-mode"),
  "listen.acl_users": lost("socket-mode and socket-owner say who may connect; a group can have both sides"),
  "listen.acl_groups": lost("socket-mode and socket-owner say who may connect; a group can have both sides"),
  "listen.allowed_clients": lost(
    "php-cgi checks no address on a socket that it was given: listen on 127.0.0.1 or on a Unix socket, or let the packet filter do it",
  ),
  "listen.setfib": lost("Linux has no such routing tables"),
  ...ofProcess({
    priority: toInteger("priority", -20, 19),
    dumpable: lost("LimitCORE= and rlimits say whether there are core files"),
  }),
  pm: takePm,
  "pm.max_children": toInteger("processes", 1, 10_000),
  "pm.start_servers": lost(fixed),
  "pm.min_spare_servers": lost(fixed),
  "pm.max_spare_servers": lost(fixed),
  "pm.max_spawn_rate": lost(fixed),
  "pm.process_idle_timeout": lost(fixed),
  "pm.max_requests": (draft, { value }) => addTo(draft, "env", { PHP_FCGI_MAX_REQUESTS: value }),
  "pm.status_path": lost(page),
  "pm.status_listen": lost(page),
  "ping.path": lost(page),
  "ping.response": lost(page),
  "access.log": elsewhere(accessLog),
  "access.format": elsewhere(accessLog),
  "access.suppress_path": elsewhere(accessLog),
  slowlog: lost(slow),
  request_slowlog_timeout: lost(slow),
  request_slowlog_trace_depth: lost(slow),
  request_terminate_timeout: lost(
    "no request is ended by the manager: max_execution_time of PHP and the web server's read timeout do it",
  ),
  request_terminate_timeout_track_finished: lost("there is no request_terminate_timeout"),
  rlimit_files: toLimit("nofile"),
  rlimit_core: toLimit("core"),
  chroot: lost("fcgi-pm changes no root directory: RootDirectory= of a service does"),
  chdir: toText("cwd"),
  catch_workers_output: same("what workers write is always read, line by line"),
  decorate_workers_output: same("each line is a record with its app and its worker"),
  clear_env: either(
    same("workers get a clean environment"),
    lost("workers always get a clean environment: name the variables that they need in pass-env"),
  ),
  "security.limit_extensions": elsewhere(
    "php-cgi runs what the web server names: let that pass on only files that end with .php",
  ),
  apparmor_hat: lost("AppArmorProfile= of a service is the place for it"),
};

const service = "of the service: fcgi-pm install, or fcgi-pm generate systemd";

export const globalOptions: Readonly<Record<string, string>> = {
  pid: "there are no pid files: fcgi-pm status finds managers",
  error_log: "the manager's log goes to standard error, and so to the journal; log-file in [manager] names a file",
  log_level: "the manager's log has one level",
  log_limit: "lines are bounded in any case",
  log_buffering: "lines are logged as they come",
  "syslog.facility": "the journal has the records of a service",
  "syslog.ident": "the journal has the records of a service",
  emergency_restart_threshold: "a worker that dies is replaced by itself",
  emergency_restart_interval: "a worker that dies is replaced by itself",
  process_control_timeout: "drain-timeout and stop-timeout of each app say how long a worker may take",
  ...ofProcess({ max: "processes of each app, and TasksMax= of the service", priority: "priority of each app" }),
  daemonize: "fcgi-pm start stays in the foreground; --daemon detaches",
  rlimit_files: service,
  rlimit_core: service,
  "events.mechanism": "the manager is not in the way of requests",
  systemd_interval: "the manager tells systemd when something changes",
};

/** -1 and 0 mean as much as the system allows. */
function toBacklog(draft: Draft, given: Given): void {
  const depth = readInteger(given.value, -1, 65_535);
  if (depth !== undefined && depth < 1) draft.settings.set("listen-queue-depth", 65_535);
  else toInteger("listen-queue-depth", 1, 65_535)(draft, given);
}

function takePm(draft: Draft, given: Given): void {
  if (given.value === "static") same("the number of workers is fixed")(draft, given);
  else lost(`${fixed}; it is pm.max_children here`)(draft, given);
}

function toLimit(name: "nofile" | "core"): Rule {
  return (draft, given) => {
    const number = readInteger(given.value, 0, 999_999_999);
    if (given.value === "unlimited") addTo(draft, "rlimits", { [name]: "unlimited" });
    else if (number === undefined) lost("a number or unlimited is expected")(draft, given);
    else addTo(draft, "rlimits", { [name]: number });
  };
}

/** Options whose names begin with that word and a dot, which a test on this room takes for Node's. */
function ofProcess<T>(table: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(table).map(([name, one]) => [["process", name].join("."), one]));
}
