/** fcgi-pm as a script for /etc/init.d, in the shell of POSIX, with the words of the Linux Standard Base. */
import { FcgiPmError } from "../errors.ts";
import { shellWord } from "../shell-word.ts";
import type { Service } from "./deployment.ts";

/** The script. Where the config names no log file the manager gets one: a daemon has no other way to be heard. */
export function sysvScript(service: Service, hasLog: boolean): string {
  const { name, program, config = "", control } = service;
  const log = hasLog ? [] : [`--log-file ${scriptWord(`/var/log/${name}.log`)}`];
  const start = ["start", "--config", scriptWord(config), "--control", '"$control"', ...log, "--daemon"].join(" ");
  return template
    .replaceAll("@NAME@", () => name)
    .replace("@CONTROL@", () =>
      control === undefined ? '"$RUNTIME_DIRECTORY/control/init.control"' : scriptWord(control),
    )
    .replace("@CONFIG@", () => scriptWord(config))
    .replace("@PROGRAM@", () => program.map(scriptWord).join(" "))
    .replace("@START@", () => start);
}

/** A word that stands on a line with others. */
function scriptWord(text: string): string {
  if (/[\x00-\x1f\x7f]/.test(text))
    throw new FcgiPmError(
      "FCGI_PM_VALUE_INEXPRESSIBLE",
      `Cannot write ${JSON.stringify(text)} into a script: there is a control character in it`,
    );
  return shellWord(text);
}

const template = `#!/bin/sh
### BEGIN INIT INFO
# Provides:          @NAME@
# Required-Start:    $local_fs $remote_fs $network
# Required-Stop:     $local_fs $remote_fs $network
# Should-Start:      mysql mariadb postgresql redis-server memcached
# Should-Stop:       mysql mariadb postgresql redis-server memcached
# X-Start-Before:    nginx apache2 lighttpd haproxy
# X-Stop-After:      nginx apache2 lighttpd haproxy
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: FastCGI process manager
# Description:       Holds the listeners of FastCGI applications, and keeps their workers running.
### END INIT INFO
#
# /etc/init.d/@NAME@, for machines without systemd. Enabled by: update-rc.d @NAME@ defaults
# Made by "fcgi-pm generate sysv".

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# Where sockets that nobody named, and commands, find the manager.
RUNTIME_DIRECTORY=/run/@NAME@
export RUNTIME_DIRECTORY
control=@CONTROL@
config=@CONFIG@

# The variables that pass-env hands on to workers.
if [ -r /etc/default/@NAME@ ]; then
    set -a
    . /etc/default/@NAME@
    set +a
fi

fcgi_pm() {
    @PROGRAM@ "$@"
}

# 0: it runs. fcgi-pm status says 3 where no manager is, and where all apps are stopped: a manager tells its pid.
is_running() {
    [ -n "$(manager_pid)" ]
}

manager_pid() {
    fcgi_pm status --json --control "$control" 2>/dev/null |
        sed -n 's/.*"manager":{"pid":\\([0-9][0-9]*\\).*/\\1/p'
}

# Returns when all workers are ready, or says why they are not, and leaves nothing behind.
do_start() {
    if is_running; then
        echo "@NAME@ runs already"
        return 0
    fi
    fcgi_pm @START@
}

# Waits until every worker has finished what it does.
do_stop() {
    if ! is_running; then
        echo "@NAME@ does not run"
        return 0
    fi
    fcgi_pm stop --control "$control"
}

# 0 it runs, perhaps not as it should; 3 it does not run.
do_status() {
    if ! is_running; then
        echo "@NAME@ does not run"
        return 3
    fi
    fcgi_pm status --control "$control" || true
}

case "$1" in
    start)
        do_start
        ;;
    stop)
        do_stop
        ;;
    restart)
        fcgi_pm check "$config" >/dev/null || exit
        do_stop && do_start
        ;;
    try-restart | condrestart)
        if is_running; then "$0" restart; fi
        ;;
    reload | force-reload)
        if ! is_running; then
            echo "@NAME@ does not run" >&2
            exit 7
        fi
        fcgi_pm reload --control "$control"
        ;;
    reopen-logs)
        # For logrotate.
        if is_running; then kill -USR1 "$(manager_pid)"; fi
        ;;
    status)
        do_status
        ;;
    *)
        echo "usage: $0 {start|stop|restart|try-restart|reload|force-reload|reopen-logs|status}" >&2
        exit 2
        ;;
esac
`;
