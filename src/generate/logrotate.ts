/** A file for /etc/logrotate.d: rename the logs, then tell the manager to open new ones. */
import { FcgiPmError } from "../errors.ts";

export interface RotatedLogs {
  /** The unit, or the script of /etc/init.d. */
  readonly name: string;
  /** The manager's `log-file`. */
  readonly log?: string;
  /** The apps' `output-file`s. */
  readonly outputs: readonly string[];
}

export function logrotateText({ name, log, outputs }: RotatedLogs): string {
  const files = [...(log === undefined ? [] : [log]), ...new Set(outputs)];
  if (files.length === 0) throw nothingToRotate();
  return `# /etc/logrotate.d/${name}
# Made by "fcgi-pm generate logrotate". The manager opens its files anew on USR1; nothing is lost, and nobody waits.
${files.map(quoted).join("\n")}
{
    weekly
    rotate 8
    # fcgi-pm itself numbers output files that have outgrown output-max-size: dates do not get in its way.
    dateext
    dateformat -%Y%m%d-%s
    # Until the signal arrives the manager writes into the renamed file: that one is compressed the next time.
    compress
    delaycompress
    missingok
    notifempty
    # The manager makes the new files, with the rights that it wants.
    nocreate
    sharedscripts
    postrotate
        if [ -d /run/systemd/system ]; then
            # To the manager alone: USR1 ends many workers.
            systemctl kill --kill-whom=main --signal=USR1 ${name}.service 2>/dev/null || true
        elif [ -x /etc/init.d/${name} ]; then
            /etc/init.d/${name} reopen-logs
        fi
    endscript
}
`;
}

/** Quotes hold spaces together; what logrotate would take for a pattern, or for an end of quotes, has no sure way through. */
function quoted(path: string): string {
  if (/[\x00-\x1f\x7f"'\\*?[\]{}]/.test(path))
    throw new FcgiPmError(
      "FCGI_PM_VALUE_INEXPRESSIBLE",
      `Cannot name ${JSON.stringify(path)} to logrotate: it would read some of its characters as a pattern or as quotes`,
    );
  return `"${path}"`;
}

function nothingToRotate(): FcgiPmError {
  return new FcgiPmError(
    "FCGI_PM_USAGE_WRONG",
    "Cannot generate anything for logrotate: the config has neither log-file nor output-file",
    { remedy: "nothing is to be rotated: under systemd the journal keeps the log" },
  );
}
