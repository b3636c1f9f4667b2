/** What lines mean that are about time, and about too few workers. */
import { type Meaning, statusOf } from "./log-meaning.ts";

export const waiting = {
  "log.answer-timeout": {
    title: "No answer in time: timed out while reading the response header, idle timeout",
    level: "broken",
    what: "the web server took the request to the app, and no answer began within its timeout",
    causes: [
      "the request takes longer than the web server waits: 60 s in nginx and Apache, 30 s in mod_fastcgi, 40 s in mod_fcgid",
      "the request waited in the queue, because all workers were busy or pinned by kept connections",
      "the program does not accept on its fd 0, or hangs: a lock, a database that does not answer",
      "the workers are stopped (state T)",
    ],
    proof: [`${statusOf}   # BUSY, QUEUE, CPU`, "fcgi-pm request / {where}   # how long it takes"],
    remedy: [
      "fcgi-pm doctor {app} --timeout 5m   # how long does an answer take?",
      'fastcgi_read_timeout 300s;   # nginx; Apache: ProxyTimeout 300; mod_fastcgi: -idle-timeout 300; lighttpd: "read-timeout" => 300',
      "fcgi-pm scale {app} +4   # if requests wait in the queue",
    ],
    look: "answer",
  },
  "log.body-timeout": {
    title: "The answer stood still: timed out while reading upstream",
    level: "broken",
    what: "the answer began, and then nothing came for longer than the web server waits",
    causes: ["a stream of events or a long report with pauses", "the program hangs in the middle of its answer"],
    proof: [`${statusOf}   # BUSY says for how long`, "fcgi-pm request / {where} -v"],
    remedy: ["fastcgi_read_timeout 1h;   # nginx, in the location of streams", "fcgi-pm logs {app}"],
    look: "answer",
  },
  "log.send-timeout": {
    title: "The app does not take the request: timed out while sending",
    level: "broken",
    what: "the app did not read the request, or its body, for longer than the web server waits",
    causes: ["the program does not read the body of an upload", "the worker is stopped, or busy with something else"],
    proof: [statusOf, "fcgi-pm request / {where} -X POST --data-binary @FILE -v"],
    remedy: ["read the request's body in the program, also where it is not needed"],
    look: "answer",
  },
  "log.slow-request": {
    title: "A request was too slow, and was ended by its own manager",
    level: "broken",
    what: "php-fpm found a request too slow, and logged it or killed its worker",
    causes: [
      "request_terminate_timeout or request_slowlog_timeout in the pool's config",
      "the script waits for something that does not answer",
    ],
    proof: ["the slow log of the pool shows where the script stood"],
    remedy: ["request_terminate_timeout = 300   # in the pool's config; and the web server's timeout as long"],
    look: "nothing",
  },
  "log.workers-at-limit": {
    title: "All workers are busy, and no more are allowed (pm.max_children, process slot, overloaded)",
    level: "broken",
    what: "every worker is busy, and the manager of these workers may not start more",
    causes: [
      "more requests come than are finished",
      "workers hang: a database, a service that does not answer",
      "the limit is low for this machine",
    ],
    proof: [`${statusOf}   # under fcgi-pm: BUSY, QUEUE, CPU`],
    remedy: [
      "fcgi-pm scale {app} +4   # under fcgi-pm",
      "pm.max_children = 20   # php-fpm; mod_fcgid: FcgidMaxProcesses",
    ],
    look: "answer",
  },
} as const satisfies Record<string, Meaning>;
