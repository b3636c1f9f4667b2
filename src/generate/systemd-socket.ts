/** A socket unit for each listener: systemd opens it at boot, and starts the manager with the first connection. */
import type { Service, ServiceSocket } from "./deployment.ts";
import { plainValue, type Setting, setting, type Unit } from "./systemd-unit.ts";

/** One for each: the sockets of one unit all bear the same name. */
export function socketUnits(service: Service): Unit[] {
  return service.sockets.map((socket) => socketUnit(service, socket));
}

function socketUnit(service: Service, socket: ServiceSocket): Unit {
  const target = "sockets.target";
  return {
    file: `${service.name}-${socket.app}.socket`,
    about: `The manager takes this socket over, and never removes it. Another address in the config needs another one here.`,
    sections: [
      {
        name: "Unit",
        settings: [setting("What systemctl status says.", `Description=FastCGI listener of ${socket.app}`)],
      },
      { name: "Socket", settings: listenSettings(service, socket) },
      { name: "Install", settings: [setting("Open before the web server starts.", `WantedBy=${target}`)] },
    ],
  };
}

function listenSettings(service: Service, { app, listen, backlog, ...socket }: ServiceSocket): Setting[] {
  const name = listen.kind === "unix" ? listen.path : addressOf(listen);
  const rights = listen.kind === "unix" ? [rightsOf(socket)] : [];
  return [
    setting("The app's listener, as in the config.", `ListenStream=${plainValue(name)}`),
    setting("By this name the manager knows which app it is for.", `FileDescriptorName=${app}`),
    setting("The service that gets it.", `Service=${service.name}.service`),
    setting("The config's listen-queue-depth.", `Backlog=${backlog}`),
    ...rights,
  ];
}

function addressOf({ host, port }: { host: string; port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function rightsOf({ mode, user, group }: Pick<ServiceSocket, "mode" | "user" | "group">): Setting {
  return setting(
    "The config's socket-mode and socket-owner: the web server has to be one of them. Gone with the unit.",
    `SocketMode=0${mode.toString(8)}`,
    ...(user === undefined ? [] : [`SocketUser=${plainValue(user)}`]),
    ...(group === undefined ? [] : [`SocketGroup=${plainValue(group)}`]),
    "RemoveOnStop=yes",
  );
}
