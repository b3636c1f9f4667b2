/** What a program complains of when it ends: its last lines, in the words of the languages and their loaders. */

export type Complaint =
  | { readonly kind: "module-missing"; readonly name: string; readonly line: string }
  | { readonly kind: "file-missing"; readonly path: string; readonly line: string }
  | { readonly kind: "forbidden"; readonly path: string; readonly line: string }
  /** The path is that of its file, where the program names it; or empty. */
  | { readonly kind: "database"; readonly path: string; readonly line: string }
  | { readonly kind: "variable-missing"; readonly name: string; readonly line: string }
  | { readonly kind: "library-missing"; readonly name: string; readonly line: string }
  | { readonly kind: "address-taken"; readonly line: string }
  | { readonly kind: "no-such-interpreter"; readonly name: string; readonly line: string }
  | { readonly kind: "syntax"; readonly line: string }
  | { readonly kind: "other-machine"; readonly line: string }
  | { readonly kind: "stdin-is-a-socket"; readonly line: string };

type Kind = Complaint["kind"];

interface Phrase {
  readonly kind: Kind;
  /** Its first group, where it has one, is the name or path. */
  readonly pattern: RegExp;
  /** What has to stand somewhere else in the lines, so that a common phrase is not taken for more than it is. */
  readonly beside?: RegExp;
}

/** In this order: what is more special comes first. */
const phrases: readonly Phrase[] = [
  // Python
  { kind: "module-missing", pattern: /^(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)'?/ },
  // A directory that may not be entered, or has no __init__.py, is an empty package.
  { kind: "module-missing", pattern: /^ImportError: cannot import name '.*' from '([\w.]+)' \(unknown location\)/ },
  { kind: "variable-missing", pattern: /^KeyError: '([A-Za-z_]\w*)'/, beside: /environ|<frozen os>|\/os\.py"/ },
  { kind: "syntax", pattern: /^(?:SyntaxError|IndentationError|TabError): / },
  { kind: "no-such-interpreter", pattern: /env: [\u2018'`]?(\S.*?)[\u2019']?: No such file or directory/ },
  // Perl
  { kind: "module-missing", pattern: /^Can't locate ([\w/]+)\.pm in @INC/ },
  { kind: "syntax", pattern: /^(?:syntax error at |Execution of .* aborted due to compilation errors)/ },
  // Ruby
  { kind: "module-missing", pattern: /cannot load such file -- (\S+) \(LoadError\)/ },
  { kind: "variable-missing", pattern: /key not found: "([A-Za-z_]\w*)" \(KeyError\)/ },
  // Node
  { kind: "module-missing", pattern: /Cannot find (?:package|module) '([^']+)'/ },
  // PHP
  { kind: "file-missing", pattern: /Failed opening required '([^']+)'/ },
  { kind: "file-missing", pattern: /Could not open input file: (\S+)/ },
  { kind: "syntax", pattern: /PHP Parse error: / },
  // The loader of shared libraries
  { kind: "library-missing", pattern: /error while loading shared libraries: (\S+): cannot open/ },
  // The shell that starts the program
  { kind: "other-machine", pattern: /Exec format error$/ },
  // SQLite, PostgreSQL, MySQL, in whatever language
  { kind: "database", pattern: /dbname=(\/[^;']+).*unable to open database file/ },
  { kind: "database", pattern: /unable to open database file|no such table: / },
  { kind: "database", pattern: /could not connect to server:|connection to server (?:at|on) .* failed: / },
  { kind: "database", pattern: /password authentication failed for user|(?:database|relation) "[^"]*" does not exist/ },
  { kind: "database", pattern: /Can't connect to (?:local )?(?:MySQL|MariaDB|server on)/i },
  { kind: "database", pattern: /Access denied for user '|Unknown database '/ },
  // Everybody
  { kind: "address-taken", pattern: /address (?:is )?already in use|EADDRINUSE/i },
  { kind: "forbidden", pattern: /Permission denied: '([^']+)'/ },
  { kind: "forbidden", pattern: /(?:EACCES|EPERM): [^,]*, \w+ '([^']+)'/ },
  { kind: "forbidden", pattern: /Permission denied @ \w+ - (\S+)/ },
  { kind: "forbidden", pattern: /can't open file '([^']+)': \[Errno 13\]/ },
  { kind: "forbidden", pattern: /Can't open perl script "([^"]+)": Permission denied/ },
  {
    kind: "forbidden",
    pattern: /(?:cannot open|can't open|cannot create|failed to open|open) "?([^\s":']+)"?: Permission denied/i,
  },
  { kind: "forbidden", pattern: /(\/[^\s:'"]+): Permission denied/ },
  { kind: "file-missing", pattern: /No such file or directory: '([^']+)'/ },
  { kind: "file-missing", pattern: /ENOENT: no such file or directory, \w+ '([^']+)'/ },
  { kind: "file-missing", pattern: /No such file or directory @ \w+ - (\S+)/ },
  {
    kind: "file-missing",
    pattern:
      /(?:cannot open|can't open|cannot read|could not open|failed to open|open|source) "?([^\s":']+)"?: No such file/i,
  },
  { kind: "file-missing", pattern: /(?:^|[\s"'])([\w.-]*[/.][^\s:'"]*)["']?: No such file or directory/ },
  {
    kind: "variable-missing",
    pattern: /: ([A-Za-z_]\w*): (?:parameter not set|parameter null or not set|unbound variable)/,
  },
  { kind: "variable-missing", pattern: /[Ss]et the ([A-Z][A-Z0-9_]+) environment variable/ },
  { kind: "variable-missing", pattern: /environment variable ["'`]?([A-Z][A-Z0-9_]+)\b/ },
  {
    kind: "variable-missing",
    pattern:
      /\b([A-Z][A-Z0-9]*_[A-Z0-9_]+)\b["'`]? (?:is |was )?(?:not set|unset|undefined|not defined|required|missing|empty)\b/,
  },
  {
    kind: "variable-missing",
    pattern: /\b([A-Z][A-Z0-9_]{2,})\b["'`]? (?:(?:is|was) (?:not set|unset|required)|must be set)\b/,
  },
  {
    kind: "stdin-is-a-socket",
    pattern:
      /stdin[^a-z]*: (?:Invalid argument|Transport endpoint)|(?:^|\s)-: Invalid argument|EINVAL: invalid argument, read/,
  },
  {
    kind: "stdin-is-a-socket",
    pattern: /\[Errno (?:22|107)\] (?:Invalid argument|Transport endpoint is not connected)/,
    beside: /\bstdin\b|\bos\.read\(0|\binput\(|\bfileinput\b/,
  },
];

/** The last complaint that is understood; undefined where none is. */
export function complaintIn(lines: readonly string[]): Complaint | undefined {
  for (const line of lines.toReversed()) {
    const found = readLine(line.trim(), lines);
    if (found !== undefined) return found;
  }
  return undefined;
}

function readLine(line: string, lines: readonly string[]): Complaint | undefined {
  for (const { kind, pattern, beside } of phrases) {
    const match = pattern.exec(line);
    if (match === null) continue;
    if (beside !== undefined && !lines.some((other) => beside.test(other))) continue;
    return complaint(kind, match[1] ?? "", line);
  }
  return undefined;
}

function complaint(kind: Kind, subject: string, line: string): Complaint {
  switch (kind) {
    case "module-missing":
      return { kind, name: line.startsWith("Can't locate") ? subject.replaceAll("/", "::") : subject, line };
    case "variable-missing":
    case "library-missing":
    case "no-such-interpreter":
      return { kind, name: subject, line };
    case "file-missing":
    case "forbidden":
    case "database":
      return { kind, path: subject, line };
    default:
      return { kind, line };
  }
}
