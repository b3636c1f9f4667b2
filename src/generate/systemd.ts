/** The units of systemd for fcgi-pm: a service, sockets and a drop-in where they are wanted. */
import { isTemplate, type Service, unitOf } from "./deployment.ts";
import { lifeSettings } from "./systemd-life.ts";
import { serviceSandbox } from "./systemd-sandbox.ts";
import { socketUnits } from "./systemd-socket.ts";
import { type Section, type Setting, setting, type Unit } from "./systemd-unit.ts";

export interface UnitOptions {
  readonly socketUnit?: boolean;
  readonly notifyReload?: boolean;
}

/** The service first. */
export function systemdUnits(service: Service, options: UnitOptions = {}): Unit[] {
  const sockets = options.socketUnit === true ? socketUnits(service) : [];
  const dropIns = options.notifyReload === true ? [notifyReload(service)] : [];
  return [serviceUnit(service, sockets), ...dropIns, ...sockets];
}

function serviceUnit(service: Service, sockets: readonly Unit[]): Unit {
  return {
    file: `${service.name}.service`,
    about: aboutService(service),
    sections: [
      { name: "Unit", settings: unitSettings(service, sockets) },
      { name: "Service", settings: [...lifeSettings(service, sockets), ...serviceSandbox(service)] },
      installSection(service, sockets),
    ],
  };
}

function aboutService(service: Service): string {
  const systemctl = service.user.kind === "session" ? "systemctl --user" : "systemctl";
  const edit = `Your own changes belong in a drop-in, which both leave alone: ${systemctl} edit ${unitOf(service)}`;
  if (!isTemplate(service)) return edit;
  return `${edit}\nOne manager for each config: fcgi-pm@blog runs /etc/fcgi-pm/blog.toml, and is told so by --control or by RUNTIME_DIRECTORY=/run/fcgi-pm-blog.`;
}

function unitSettings(service: Service, sockets: readonly Unit[]): Setting[] {
  const name = isTemplate(service) ? "FastCGI process manager for %i" : "FastCGI process manager";
  const network = service.user.kind === "session" ? [] : [networkOf(service)];
  return [
    setting("What systemctl status says.", `Description=${name}`),
    ...network,
    ...socketDependency(sockets),
    setting(
      "Never given up: what keeps it from starting may take long to be mended, and then it comes by itself.",
      "StartLimitIntervalSec=0",
    ),
  ];
}

/** The addresses of this machine may be late; those that are always there are not waited for. */
function networkOf({ sockets }: Service): Setting {
  const isLate = sockets.some(({ listen }) => listen.kind === "tcp" && !/^(127\.|0\.0\.0\.0$|::1?$)/.test(listen.host));
  if (!isLate)
    return setting(
      "After what the apps may live on. A web server need not wait for it.",
      "After=network.target remote-fs.target",
    );
  return setting(
    "An app listens on an address of this machine that has to be there first.",
    "Wants=network-online.target",
    "After=network-online.target remote-fs.target",
  );
}

function socketDependency(sockets: readonly Unit[]): Setting[] {
  if (sockets.length === 0) return [];
  const files = sockets.map(({ file }) => file).join(" ");
  return [
    setting("systemd holds these listeners, and passes them on at every start.", `Requires=${files}`, `After=${files}`),
  ];
}

function installSection({ user }: Service, sockets: readonly Unit[]): Section {
  const target = user.kind === "session" ? "default.target" : "multi-user.target";
  const also = sockets.map(({ file }) => file).join(" ");
  return {
    name: "Install",
    settings: [
      setting(startOf(user), `WantedBy=${target}`),
      ...(also === "" ? [] : [setting("Enabled and disabled together.", `Also=${also}`)]),
    ],
  };
}

function startOf({ kind }: Service["user"]): string {
  return kind === "session"
    ? "Started when the user logs in; with the machine after: loginctl enable-linger"
    : "Started with the machine.";
}

/** systemd 252 does not know the type, and would say so in one line of the journal only: a drop-in for those who have more. */
function notifyReload(service: Service): Unit {
  return {
    file: `${service.name}.service.d/notify-reload.conf`,
    about:
      "For systemd 253 and later. systemd sends HUP and waits for the manager's word that it is ready again, without starting a program. It is not told of a reload that was taken back: the log says so.",
    sections: [
      {
        name: "Service",
        settings: [
          setting("Reloads by signal, and waits.", "Type=notify-reload"),
          setting("In place of the command, which would run as well.", "ExecReload="),
        ],
      },
    ],
  };
}
