/** A program that ends before it waits for a request. */
import type { Finding } from "./finding.ts";
import type { Complaint } from "./last-words.ts";
import { barred, quoteBytes, took } from "./seen.ts";

/** As whom, where and with what a worker was started. */
export interface StartFacts {
  /** The program with its arguments, as a shell would take them. */
  readonly command: string;
  /** `www-data (uid 33)`. */
  readonly user: string;
  readonly cwd: string;
  /** What of its environment decides what a program finds: `PATH=…`, `PYTHONPATH is not set`. */
  readonly environment: readonly string[];
  /** `/usr/bin/python3.11, which #!/usr/bin/env python3 finds in PATH`; undefined for a binary. */
  readonly interpreter: string | undefined;
}

export interface DeathFacts {
  readonly start: StartFacts;
  readonly code: number | null;
  /** `exit code 1`, `killed by SIGSEGV`. */
  readonly end: string;
  readonly afterMs: number;
  readonly lines: readonly string[];
  /** What it wrote first to its stdout: a binary string. */
  readonly stdoutStart: string;
  /** Processes that it has left behind: `python3 (4711)`, with where they listen, if they do. */
  readonly left: readonly string[];
  readonly complaint: Complaint | undefined;
  /** Was O_NONBLOCK set on the listener when it had ended? It was not when it was started. */
  readonly isListenerSpoilt: boolean;
}

/** Why it ended, as found out by looking and trying; it replaces what the complaint alone tells. */
export interface Cause {
  readonly code: string;
  readonly what: string;
  readonly seen: readonly string[];
  readonly remedy: readonly string[];
  /** Nothing has proved it. */
  readonly isGuess?: true;
}

export function judgeDeath(facts: DeathFacts, found: Cause | undefined): Finding {
  const cause = found ?? causeOf(facts);
  return {
    code: cause.code,
    level: "broken",
    what: cause.what,
    seen: [...describeStart(facts.start), endOf(facts), ...barred(facts.lines), ...cause.seen],
    remedy: cause.remedy,
  };
}

export function describeStart({ command, user, cwd, environment, interpreter }: StartFacts): string[] {
  return [
    `started as ${user} in ${cwd}: ${command}`,
    ...(interpreter === undefined ? [] : [`interpreter: ${interpreter}`]),
    `environment: ${environment.join(", ")}`,
  ];
}

function endOf({ end, afterMs, lines }: DeathFacts): string {
  return `it ended after ${took(afterMs)} with ${end}, ${lines.length === 0 ? "without a word" : "and wrote:"}`;
}

/** It was seen what it is: nothing has to be tried. */
export function isExplained(facts: DeathFacts): boolean {
  const { stdoutStart, complaint } = facts;
  const obvious: readonly string[] = ["syntax", "no-such-interpreter", "address-taken"];
  return (
    isDaemon(facts) ||
    isCgi(stdoutStart) ||
    isSpoilt(facts) ||
    (complaint !== undefined && obvious.includes(complaint.kind))
  );
}

function causeOf(facts: DeathFacts): Cause {
  if (isDaemon(facts)) return daemonised(facts);
  if (isCgi(facts.stdoutStart)) return plainCgi(facts);
  if (isSpoilt(facts)) return spoilsListener;
  return facts.complaint === undefined ? unexplained(facts) : complained(facts.complaint, facts);
}

/** A page, or the headers of one, on the process's own stdout. */
function isCgi(text: string): boolean {
  return /^\s*(Content-Type|Status|Location|X-Powered-By):|^\s*<(!doctype|html)/i.test(text);
}

function plainCgi({ stdoutStart }: DeathFacts): Cause {
  return {
    code: "program.plain-cgi",
    what: "The program is a plain CGI script: it prints one answer and ends, and does not speak FastCGI",
    seen: [`its standard output begins with ${quoteBytes(stdoutStart)}`],
    remedy: [
      "run it by fcgiwrap: fcgi-pm start fcgiwrap, with SCRIPT_FILENAME naming the script in the web server",
      "or make it a FastCGI program: a loop that accepts (Perl: CGI::Fast; Python: a WSGI application, fcgi-pm start --wsgi module:app)",
    ],
  };
}

/** libfcgi's accept fails on a non-blocking listener, and the program ends in order. */
function isSpoilt({ isListenerSpoilt, code, lines }: DeathFacts): boolean {
  return isListenerSpoilt && code === 0 && lines.length === 0;
}

const spoilsListener: Cause = {
  code: "program.sets-nonblock",
  what: "Something in the program makes the listener non-blocking, and the library that then accepts on it gives up at once",
  seen: ["O_NONBLOCK was set on the listener (/proc/PID/fdinfo/0) by the time it had ended, and was not before"],
  remedy: [
    "find what sets it: a wrapper in Python, Node or Go, or an event loop, that runs before the FastCGI program; start the program without it",
    "under a running manager the flag stays on the listener: restart the manager then, fcgi-pm restart is not enough",
  ],
};

/** It ended as if all were well, and others go on. */
function isDaemon({ left, code }: DeathFacts): boolean {
  return left.length > 0 && code === 0;
}

/** The parent has gone, so that nobody can tell when the child ends. */
function daemonised({ left, start }: DeathFacts): Cause {
  const isSpawner = /\b(spawn-fcgi|multiwatch|cgi-fcgi)\b/.test(start.command);
  return {
    code: "program.daemonises",
    what: isSpawner
      ? "A spawner stands between: it starts the program on a socket of its own and ends"
      : "The program goes into the background: it ends and leaves its work to another process, which fcgi-pm cannot look after",
    seen: [`it has left ${left.join(", ")} (ended by the doctor)`],
    remedy: isSpawner
      ? ["name the program itself, without the spawner: fcgi-pm makes the socket and starts it N times"]
      : [
          "keep it in the foreground: its option for that (--foreground, --no-daemon, daemonize = false), and no & in a script",
        ],
  };
}

function complained(complaint: Complaint, facts: DeathFacts): Cause {
  const seen: string[] = [];
  switch (complaint.kind) {
    case "module-missing":
      return {
        code: "program.module-missing",
        what: `The program ends before it is ready: it does not find the module "${complaint.name}"`,
        seen,
        remedy: ["install it for that interpreter, or tell where it lies (PYTHONPATH, PERL5LIB, RUBYLIB, NODE_PATH)"],
      };
    case "file-missing":
      return {
        code: "program.file-missing",
        what: `The program ends before it is ready: there is no ${complaint.path}`,
        seen: complaint.path.startsWith("/") ? seen : [`a relative path starts at ${facts.start.cwd}`],
        remedy: [`create ${complaint.path}, or correct its path in the program`],
      };
    case "forbidden":
      return {
        code: "program.forbidden-file",
        what: `The program ends before it is ready: ${facts.start.user} may not use ${complaint.path}`,
        seen,
        remedy: [`see which rights are missing: namei -l ${complaint.path}`],
      };
    case "database":
      return {
        code: "program.database",
        what: "The program ends before it is ready: it gets nowhere with its database",
        seen: [`it says: ${complaint.line}`],
        remedy: [
          "see that the database runs, and that the program's settings name the right one, with its user and password",
          "SQLite: the app's user has to write to the file and to its directory; a file that was just made has no tables",
        ],
      };
    case "variable-missing":
      return {
        code: "program.variable-missing",
        what: `The program ends before it is ready: it needs the variable ${complaint.name}, which is not set`,
        seen: ["workers get a clean environment, and this variable is set in the shell neither"],
        remedy: [`set it: --env ${complaint.name}=…, or env = { ${complaint.name} = "…" } in the config`],
      };
    case "library-missing":
      return {
        code: "program.library-missing",
        what: `The program cannot be loaded: the shared library ${complaint.name} is missing`,
        seen,
        remedy: [
          `ldd ${facts.start.command.split(" ")[0]} shows what is missing; install its package, or give --env LD_LIBRARY_PATH=DIRECTORY`,
        ],
      };
    case "no-such-interpreter":
      return noSuchInterpreter(complaint.name);
    case "address-taken":
      return {
        code: "program.binds-its-own-socket",
        what: "The program wants to listen on an address of its own, which is taken, instead of using the listener on fd 0",
        seen,
        remedy: [
          "take the address out of the program (flup: WSGIServer(app).run() without bindAddress): fcgi-pm holds the listener",
        ],
      };
    case "syntax":
      return {
        code: "program.syntax",
        what: "The program ends before it is ready: the interpreter does not understand it",
        seen,
        remedy: [
          "mend the line that is named above; if it is right for another version, name that interpreter in the #! line",
        ],
      };
    case "other-machine":
      return {
        code: "program.other-machine",
        what: "The program ends before it is ready: the kernel cannot run a binary that it starts",
        seen,
        remedy: [
          "file PATH   # for which machine the binary that is named above was built; uname -m: what this one is",
        ],
      };
    case "stdin-is-a-socket":
      return {
        code: "program.reads-stdin",
        what: "The program reads its standard input as a file or terminal: with FastCGI that is the listening socket",
        seen,
        remedy: ["it is no FastCGI program: let a FastCGI library accept on fd 0, or run a CGI script by fcgiwrap"],
      };
  }
}

/** `#!/usr/bin/env python3 -u`: Linux hands on all of it as one word. */
function noSuchInterpreter(name: string): Cause {
  const hasOptions = name.includes(" ");
  return {
    code: hasOptions ? "interpreter.options-behind-env" : "interpreter.missing",
    what: hasOptions
      ? `env looks for a program called "${name}": the options behind it in the #! line are part of its name`
      : `env does not find "${name}" in the workers' PATH`,
    seen: [],
    remedy: [
      hasOptions
        ? `in the first line: #!/usr/bin/env -S ${name}`
        : `name the interpreter by its full path in the first line`,
    ],
  };
}

function unexplained({ code, end, lines, start }: DeathFacts): Cause {
  if (code === 0) {
    return {
      code: "program.ends-at-once",
      what: "The program ends at once, with exit code 0, as if its work were done",
      seen: [],
      remedy: [
        "if it has no FastCGI loop, it needs one: nothing in it waits for requests on fd 0",
        `to see what it does: strace -f ${start.command}`,
      ],
    };
  }
  return {
    code: "program.dies-at-start",
    what: `The program ends before it is ready: ${end}`,
    seen: [],
    remedy:
      lines.length > 0
        ? ["mend what it says above"]
        : [`it says nothing: strace -f ${start.command} shows its last calls`],
  };
}

/** `exit code 1`, `killed by SIGSEGV`. */
export function endInWords({ code, signal }: { code: number | null; signal: string | null }): string {
  return signal === null ? `exit code ${code}` : `killed by ${signal}`;
}
