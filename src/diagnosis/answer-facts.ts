/** What came of one request, as plain data. Texts from the wire are binary strings: a character for each byte. */

interface Common {
  /** `GET /`. */
  readonly request: string;
  readonly totalMs: number;
  /** Until the first byte of the answer. */
  readonly firstByteMs: number | undefined;
  /** What the application wrote to FastCGI's error stream. */
  readonly stderr: string;
}

/** What came of the answer, where it is no complete and sound one. */
interface Piece {
  readonly start: string;
  readonly bytes: number;
}

export type AnswerFacts = Common &
  (
    | {
        readonly kind: "complete";
        readonly status: number;
        readonly headers: readonly (readonly [name: string, value: string])[];
        readonly bodyStart: string;
        readonly bodyBytes: number;
        /** It is longer than we took. */
        readonly isCut: boolean;
      }
    /** It came to its end, and is no CGI response. */
    | ({ readonly kind: "malformed"; readonly why: string } & Piece)
    /** The connection closed before the end. */
    | ({ readonly kind: "cut" } & Piece)
    | ({ readonly kind: "timed-out"; readonly isConnected: boolean } & Piece)
    /** FCGI_END_REQUEST with a status such as OVERLOADED. */
    | { readonly kind: "refused"; readonly why: string }
    /** No FastCGI. `rawStart`: what comes from there to somebody who speaks HTTP. */
    | { readonly kind: "no-fastcgi"; readonly why: string; readonly rawStart: string }
    | { readonly kind: "unreachable"; readonly errno: string; readonly why: string }
  );

/** What is known of the worker that was asked. */
export interface Witness {
  /** How it ended, in words: `exit code 1`, `killed by SIGSEGV`; undefined: it lives. */
  readonly end: string | undefined;
  /** What it wrote last to its own stdout and stderr. */
  readonly lines: readonly string[];
  /** What it wrote first to its own stdout since the request, which is no part of any answer. */
  readonly stdoutStart: string;
  /** What it does: `sleeps`. */
  readonly activity: string | undefined;
}

export interface AnswerContext {
  /** How long an answer may take. */
  readonly timeoutMs: number;
  /** Undefined: it is not ours to look at. */
  readonly witness: Witness | undefined;
  /** The script that was named in SCRIPT_FILENAME; undefined where none was given. */
  readonly script: string | undefined;
  /** The interpreter's family, for lines in its language. */
  readonly language: Language;
  /** The command that asks for the same; undefined where the program runs for the trial only. */
  readonly again: string | undefined;
}

/** How to see whether it is mended. */
export function tryAgain({ again }: Pick<AnswerContext, "again">): string {
  return again === undefined ? "then try again by the same command" : `then try again: ${again}`;
}

export type Language = "python" | "perl" | "ruby" | "php" | "node" | "sh" | "other";

/** By the name of the program or of its interpreter. */
export function languageOf(name: string): Language {
  if (/^(python|pypy)/.test(name)) return "python";
  if (/^(perl|ruby|php)/.test(name)) return name.startsWith("perl") ? "perl" : name.startsWith("ruby") ? "ruby" : "php";
  if (/^(node|nodejs)/.test(name)) return "node";
  return /^(sh|bash|dash|ash|zsh|ksh)$/.test(name) ? "sh" : "other";
}
