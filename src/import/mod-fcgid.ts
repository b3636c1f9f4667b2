/** What to do about each directive of mod_fcgid 2.3, which starts and ends programs as requests come and go. */

import { lookUp } from "./look-up.ts";

const dynamic = "workers are not started and ended as requests come and go: processes says how many there are";
const timeout = "nginx: fastcgi_read_timeout and fastcgi_connect_timeout; Apache: timeout= in ProxyPass";
const authorizer = "it stays with the web server: nginx auth_request, lighttpd mode authorizer";

/** Before 2.3 the directives had names that say nothing of mod_fcgid. */
const oldNames: Readonly<Record<string, string>> = {
  busyscaninterval: "fcgidbusyscaninterval",
  busytimeout: "fcgidbusytimeout",
  defaultinitenv: "fcgidinitialenv",
  defaultmaxclassprocesscount: "fcgidmaxprocessesperclass",
  defaultminclassprocesscount: "fcgidminprocessesperclass",
  errorscaninterval: "fcgiderrorscaninterval",
  fcgiwrapper: "fcgidwrapper",
  idlescaninterval: "fcgididlescaninterval",
  idletimeout: "fcgididletimeout",
  ipccommtimeout: "fcgidiotimeout",
  ipcconnecttimeout: "fcgidconnecttimeout",
  maxprocesscount: "fcgidmaxprocesses",
  maxrequestinmem: "fcgidmaxrequestinmem",
  maxrequestlen: "fcgidmaxrequestlen",
  maxrequestsperprocess: "fcgidmaxrequestsperprocess",
  outputbuffersize: "fcgidoutputbuffersize",
  passheader: "fcgidpassheader",
  php_fix_pathinfo_enable: "fcgidfixpathinfo",
  processlifetime: "fcgidprocesslifetime",
  sharemempath: "fcgidprocesstablefile",
  socketpath: "fcgidipcdir",
  spawnscore: "fcgidspawnscore",
  spawnscoreuplimit: "fcgidspawnscoreuplimit",
  terminationscore: "fcgidterminationscore",
  timescore: "fcgidtimescore",
  zombiescaninterval: "fcgidzombiescaninterval",
};

/** The name that a directive has since 2.3. */
export function currentName(name: string): string {
  return lookUp(oldNames, name) ?? name;
}

/** Sentences by name. FcgidWrapper, FcgidInitialEnv and FcgidMaxProcessesPerClass are read apart. */
export const fcgidDirectives: Readonly<Record<string, string>> = {
  fcgidaccesschecker: authorizer,
  fcgidaccesscheckerauthoritative: authorizer,
  fcgidauthenticator: authorizer,
  fcgidauthenticatorauthoritative: authorizer,
  fcgidauthorizer: authorizer,
  fcgidauthorizerauthoritative: authorizer,
  fcgidbusyscaninterval: dynamic,
  fcgidbusytimeout: timeout,
  fcgidcmdoptions:
    "InitialEnv and MaxProcesses are env and processes of the app with that command; the times are the web server's",
  fcgidconnecttimeout: timeout,
  fcgiderrorscaninterval: dynamic,
  fcgidfixpathinfo: 'cgi.fix_pathinfo of PHP: command = ["php-cgi", "-d", "cgi.fix_pathinfo=1"]',
  fcgididlescaninterval: dynamic,
  fcgididletimeout: dynamic,
  fcgidiotimeout: timeout,
  fcgidipcdir: "an app's socket lies in the runtime directory, or where socket says",
  fcgidmaxprocesses: dynamic,
  fcgidmaxrequestinmem: "the web server buffers requests: nginx client_body_buffer_size",
  fcgidmaxrequestlen: "nginx: client_max_body_size; Apache: LimitRequestBody",
  fcgidmaxrequestsperprocess: "PHP: PHP_FCGI_MAX_REQUESTS in env; other programs end by themselves, and are replaced",
  fcgidminprocessesperclass: dynamic,
  fcgidoutputbuffersize: "the web server buffers answers: nginx fastcgi_buffers",
  fcgidpassheader:
    "nginx: fastcgi_param HTTP_NAME $http_name; Apache passes headers by itself, but for Authorization (CGIPassAuth)",
  fcgidprocesslifetime: dynamic,
  fcgidprocesstablefile: "there is no table in a file: fcgi-pm status shows processes",
  fcgidspawnscore: dynamic,
  fcgidspawnscoreuplimit: dynamic,
  fcgidterminationscore: dynamic,
  fcgidtimescore: dynamic,
  fcgidwin32preventorphans: "not for Linux",
  fcgidzombiescaninterval: dynamic,
};
