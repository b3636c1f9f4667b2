/** What becomes of each option of mod_fastcgi, as its documentation lists them (2.4.6). */

import { addEnv, passEnv } from "./draft.ts";
import type { Rule, Rules } from "./rules.ts";
import { changed, elsewhere, lost, same, toAccount, toDuration, toInteger } from "./rules.ts";

/** An option with the value behind it, unless it has none. */
export interface FastCgiOption {
  readonly rule: Rule;
  readonly isFlag?: true;
}

const flush = elsewhere("nginx: fastcgi_buffering off; Apache's mod_proxy_fcgi: flushpackets=on in ProxyPass");
const authorization = elsewhere(
  "nginx: fastcgi_param HTTP_AUTHORIZATION $http_authorization; Apache: CGIPassAuth On, or SetEnvIf",
);
const otherHeader = elsewhere("web servers hand every header on, as HTTP_NAME; Apache keeps Authorization back");
const header: Rule = (draft, given) =>
  (/^(?:proxy-)?authorization$/i.test(given.value) ? authorization : otherHeader)(draft, given);
const connect = elsewhere("nginx: fastcgi_connect_timeout; Apache: connectiontimeout= in ProxyPass");
const idle = elsewhere("nginx: fastcgi_read_timeout; Apache: timeout= in ProxyPass");
const nph = elsewhere("no web server of today has a way for unparsed headers: let the program send a Status header");

/** In FastCgiServer, FastCgiExternalServer and FastCgiConfig alike. */
const ofWebServer: Readonly<Record<string, FastCgiOption>> = {
  "-appconntimeout": { rule: connect },
  "-idle-timeout": { rule: idle },
  "-flush": { rule: flush, isFlag: true },
  "-nph": { rule: nph, isFlag: true },
  "-pass-header": { rule: header },
};

const initialEnv: Rule = (draft, given) => {
  const at = given.value.indexOf("=");
  if (at === -1) passEnv(draft, given, [given.value]);
  else addEnv(draft, given, [[given.value.slice(0, at), given.value.slice(at + 1)]]);
};

/** The first wait must not be longer than the longest, which is 60 s. */
const restartDelay: Rule = (draft, given) => {
  toDuration("restart-delay")(draft, given.value === "0" ? { ...given, value: "0.001" } : given);
  if (Number(given.value) > 60) toDuration("max-restart-delay")(draft, given);
};

/** Of programs that mod_fastcgi starts, static or dynamic. */
const ofPrograms: Readonly<Record<string, FastCgiOption>> = {
  "-initial-env": { rule: initialEnv },
  "-init-start-delay": { rule: toDuration("init-start-delay") },
  "-listen-queue-depth": { rule: toInteger("listen-queue-depth", 1, 65_535) },
  "-min-server-life": { rule: toDuration("min-server-life") },
  "-priority": { rule: toInteger("priority", -20, 19) },
  "-restart-delay": { rule: restartDelay },
};

/** -socket, -port, -host and -group are read together, by the importer. */
export const together = new Set(["-socket", "-port", "-host"]);

export const staticOptions: Readonly<Record<string, FastCgiOption>> = {
  ...ofWebServer,
  ...ofPrograms,
  "-processes": { rule: toInteger("processes", 1, 10_000) },
  "-user": { rule: toAccount("user") },
  "-group": { rule: toAccount("group") },
};

const notStarted = lost("fcgi-pm does not start it, so that it has no user here");

export const externalOptions: Readonly<Record<string, FastCgiOption>> = {
  ...ofWebServer,
  "-user": { rule: notStarted },
  "-group": { rule: notStarted },
};

const noDynamic = lost(
  "workers are not started and ended as requests come and go: processes says how many there are, fcgi-pm scale changes it",
);

export const dynamicOptions: Readonly<Record<string, FastCgiOption>> = {
  ...ofWebServer,
  ...ofPrograms,
  "-maxclassprocesses": { rule: toInteger("processes", 1, 10_000) },
  "-autoupdate": { rule: lost("watch = [FILE] reloads the app when its file changes"), isFlag: true },
  "-restart": { rule: lost("a worker that dies is always replaced"), isFlag: true },
  "-gainvalue": { rule: noDynamic },
  "-killinterval": { rule: noDynamic },
  "-maxprocesses": { rule: noDynamic },
  "-minprocesses": { rule: noDynamic },
  "-multithreshold": { rule: noDynamic },
  "-processslack": { rule: noDynamic },
  "-singlethreshold": { rule: noDynamic },
  "-startdelay": { rule: noDynamic },
  "-updateinterval": { rule: noDynamic },
};

/** The other directives of mod_fastcgi. */
export const otherDirectives: Rules = {
  fastcgiipcdir: changed("sockets without a whole path lie there: make the directory, or name another socket"),
  fastcgiwrapper: (draft, given) => {
    if (given.value.toLowerCase() === "off") same("nothing stands between the manager and its workers")(draft, given);
    else changed("user and group of an app take the place of the wrapper (suexec)")(draft, given);
  },
  fastcgiaccesschecker: elsewhere(
    "an authorizer: nginx auth_request, lighttpd mode authorizer; the app itself runs here",
  ),
  fastcgiaccesscheckerauthoritative: elsewhere("it stays with the web server"),
  fastcgiauthenticator: elsewhere(
    "an authorizer: nginx auth_request, lighttpd mode authorizer; the app itself runs here",
  ),
  fastcgiauthenticatorauthoritative: elsewhere("it stays with the web server"),
  fastcgiauthorizer: elsewhere("an authorizer: nginx auth_request, lighttpd mode authorizer; the app itself runs here"),
  fastcgiauthorizerauthoritative: elsewhere("it stays with the web server"),
};
