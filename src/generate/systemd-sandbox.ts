/**
 * What the service may not do. Measured with systemd 252 and Node 20: MemoryDenyWriteExecute kills Node (its compiler writes
 * machine code), a filter of system calls without @pkey does, too (V8), so neither is set that way.
 */
import type { Service, ServicePlaces, ServiceUser } from "./deployment.ts";
import { pathWord, type Setting, setting } from "./systemd-unit.ts";

/** What changing users needs, and looking at workers of others. */
const rootCapabilities = [
  "CAP_SETUID",
  "CAP_SETGID",
  "CAP_KILL",
  "CAP_CHOWN",
  "CAP_FOWNER",
  "CAP_DAC_OVERRIDE",
  "CAP_SYS_PTRACE",
];

export function serviceSandbox(service: Service): Setting[] {
  const { user, places } = service;
  if (user.kind === "session") return processSandbox(service);
  const isTemplate = service.config === undefined;
  return [capabilities(user), ...processSandbox(service), ...fileSandbox(places, isTemplate), ...kernelSandbox];
}

function capabilities(user: ServiceUser): Setting {
  if (user.kind !== "root") return setting("No power of root, by no way.", "CapabilityBoundingSet=");
  const all = [...rootCapabilities, ...user.capabilities].join(" ");
  const why = `Runs as root: ${user.reasons.join("; ")}. (A line User=root would not do: with it systemd 257 takes CAP_SETUID away.)`;
  const what =
    "What is left of root: to become other users, signal their processes and look at them, and to give sockets away. Workers of other users have none of it.";
  return setting(`${why}\n${what}`, `CapabilityBoundingSet=${all}`);
}

/** What needs no mounts: a user's own systemd can do it, too. */
function processSandbox({ setsPriority }: Service): Setting[] {
  const resources = setsPriority ? [] : ["SystemCallFilter=~@resources"];
  return [
    setting(
      "Programs with the setuid or setgid bit give nothing: neither sudo nor the sendmail of Postfix. Let apps send mail by SMTP.",
      "NoNewPrivileges=yes",
    ),
    setting("Nor can such programs be made.", "RestrictSUIDSGID=yes"),
    setting(
      "The system calls of services; @pkey for Node's compiler, pidfd_getfd to end kept connections of workers. What is refused says EPERM.",
      "SystemCallFilter=@system-service @pkey pidfd_getfd",
      ...resources,
      "SystemCallErrorNumber=EPERM",
      "SystemCallArchitectures=native",
    ),
    setting(
      "Netlink is how the manager asks the kernel about queues.",
      "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    ),
    setting(
      "Odds and ends that a web application does not need: containers, real time, other personalities.",
      "RestrictNamespaces=yes",
      "RestrictRealtime=yes",
      "LockPersonality=yes",
    ),
    setting("Files of the manager itself; workers have the umask of their app.", "UMask=0077"),
  ];
}

function fileSandbox(places: ServicePlaces, isTemplate: boolean): Setting[] {
  return [protectSystem(places), protectHome(places, isTemplate), privateTmp(places), ...viewSandbox];
}

/** All is read-only but where programs keep data, and what the config names: an app that may not write breaks at night. */
function protectSystem(places: ServicePlaces): Setting {
  const data = ["/var", "/srv", ...(usesTmp(places) ? ["/tmp"] : [])];
  const named = [...places.written, ...places.homes].filter((path) => !isBelow(path, ...data, "/usr", "/etc"));
  return setting(
    "All is read-only but these, where programs keep their data, as far as their users' rights go. Name fewer if you know what the apps write.",
    "ProtectSystem=strict",
    `ReadWritePaths=${[...new Set([...data, ...named])].map((path) => pathWord(`-${path}`)).join(" ")}`,
  );
}

function protectHome({ read, written, homes }: ServicePlaces, isTemplate: boolean): Setting {
  const why = isTemplate ? "an app that lies there needs a drop-in with ProtectHome=no" : "nothing lies there";
  if (![...read, ...written, ...homes].some((path) => isBelow(path, "/home", "/root", "/run/user")))
    return setting(`No home directory can be seen: ${why}.`, "ProtectHome=yes");
  if (![...written, ...homes].some((path) => isBelow(path, "/home", "/root", "/run/user")))
    return setting(
      "Home directories cannot be written to; something that is needed can be read there.",
      "ProtectHome=read-only",
    );
  return setting("An app lies in a home directory.", "ProtectHome=no");
}

function privateTmp(places: ServicePlaces): Setting {
  if (usesTmp(places))
    return setting(
      "Something that others need lies in /tmp. Elsewhere would be better: then this could be yes.",
      "PrivateTmp=no",
    );
  return setting("/tmp and /var/tmp of its own, so that no other program can lay traps there.", "PrivateTmp=yes");
}

const viewSandbox: readonly Setting[] = [
  setting("No disks, no consoles; /dev/null and its like are there.", "PrivateDevices=yes"),
  setting("Mounts made in the service stay there.", "PrivateMounts=yes"),
  setting("Workers do not see processes of other users.", "ProtectProc=invisible"),
];

const kernelSandbox: readonly Setting[] = [
  setting(
    "Nothing of the machine itself is changed: its name, its clock, the kernel's settings, modules, log and control groups.",
    "ProtectHostname=yes",
    "ProtectClock=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
  ),
];

function usesTmp({ read, written, homes }: ServicePlaces): boolean {
  return [...read, ...written, ...homes].some((path) => isBelow(path, "/tmp", "/var/tmp"));
}

function isBelow(path: string, ...directories: readonly string[]): boolean {
  return directories.some((directory) => path === directory || path.startsWith(`${directory}/`));
}
