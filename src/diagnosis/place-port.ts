/** A TCP listener: who reaches it, and whether it can be had. And the queue, of any listener. Facts in, findings out. */
import type { Finding } from "./finding.ts";

export function openToTheNetwork(at: string, port: number, app: string | undefined, isLive: boolean): Finding {
  return {
    code: "place.open-to-the-network",
    level: "risk",
    what: `${at} can be reached from other machines, and FastCGI has no password: who reaches it runs the program as he likes`,
    seen: [
      isLive ? `it listens on ${at}` : `it would listen on ${at}`,
      app === undefined ? "nothing is known of its clients" : "allowed-clients is not set",
    ],
    remedy: [
      `port = "127.0.0.1:${port}"   # where the web server runs on this machine`,
      'allowed-clients = ["192.0.2.7"]   # the web servers; php-cgi ignores it: there a firewall is needed',
    ],
  };
}

export function portForbidden(at: string, first: number, user: string): Finding {
  return {
    code: "place.port-forbidden",
    level: "broken",
    what: `${at} is for root, and this is ${user}: ports below ${first} cannot be had`,
    seen: [`/proc/sys/net/ipv4/ip_unprivileged_port_start is ${first}`],
    remedy: ["port = 9000   # a port of 1024 or more"],
  };
}

export function addressMissing(host: string, own: readonly string[]): Finding {
  return {
    code: "place.address-missing",
    level: "broken",
    what: `this machine does not have the address ${host}`,
    seen: [`it has ${own.join(", ")}`],
    remedy: ["ip address   # shows the addresses", "port = 9000   # listens on 127.0.0.1"],
  };
}

export function nobodyAtPort(at: string, app: string | undefined, start: string): Finding {
  return {
    code: "place.no-listener",
    level: app === undefined ? "broken" : "note",
    what: `nobody listens at ${at}${app === undefined ? "" : `: no manager runs ${app}`}`,
    seen: ['web servers get "(111: Connection refused)"'],
    remedy: app === undefined ? ["fcgi-pm status   # where do apps listen?"] : [start],
  };
}

/** Another app, of another manager or of another config, has the same address. */
export function twoApps(where: string, app: string, other: string, managerPid: number): Finding {
  return {
    code: "place.two-apps",
    level: "broken",
    what: `two apps want ${where}: ${app}, and ${other} of the manager ${managerPid}, which has it`,
    seen: [`fcgi-pm status ${other}`],
    remedy: [`fcgi-pm stop ${other}   # or give one of them another socket or port`],
  };
}

/** The kernel lets fewer connections wait than the app asks for. */
export function queueCapped(wanted: number, cap: number): Finding {
  return {
    code: "place.queue-capped",
    level: "risk",
    what: `the kernel lets only ${cap} connections wait where listen-queue-depth asks for ${wanted}`,
    seen: [`/proc/sys/net/core/somaxconn is ${cap}`],
    remedy: [
      `echo 'net.core.somaxconn = ${wanted}' > /etc/sysctl.d/60-fcgi-pm.conf && sysctl -p /etc/sysctl.d/60-fcgi-pm.conf   # then start fcgi-pm anew`,
      `listen-queue-depth = ${cap}   # if so many are enough`,
    ],
  };
}
