/** Descriptions of services, as configs make them. */
import type { Service } from "../../src/generate/deployment.ts";

/** What the templates of docs/deploy/systemd and most tests describe: two apps of www-data, in the usual place. */
export const service: Service = {
  name: "fcgi-pm",
  program: ["/usr/bin/node", "/usr/local/bin/fcgi-pm"],
  config: "/etc/fcgi-pm/fcgi-pm.toml",
  user: { kind: "one", user: "www-data" },
  sockets: [
    {
      app: "blog",
      listen: { kind: "unix", path: "/run/fcgi-pm/blog.sock" },
      backlog: 511,
      mode: 0o660,
      user: "www-data",
    },
    { app: "shop", listen: { kind: "tcp", host: "127.0.0.1", port: 9000 }, backlog: 64, mode: 0o660 },
  ],
  places: {
    read: ["/etc/fcgi-pm/fcgi-pm.toml", "/usr/bin/node", "/usr/local/bin/fcgi-pm"],
    written: [],
    homes: ["/var/www/blog"],
    logs: [],
  },
  workers: 8,
  startMs: 60_000,
  stopMs: 70_000,
  setsPriority: false,
  passesEnvironment: false,
};

const { config: _, ...anyConfig } = service;

export const template: Service = {
  ...anyConfig,
  name: "fcgi-pm@",
  user: { kind: "root", reasons: ["a config may name several users"], capabilities: [] },
  sockets: [],
  places: { read: service.program, written: ["/run"], homes: ["/opt", "/mnt"], logs: [] },
  workers: 0,
  passesEnvironment: true,
};
