/** What is to run, and what it comes to. */
import type { Identity } from "./identity.ts";

export interface WsgiWish {
  /** `module:name`, or a file and a name. */
  readonly application: string;
  /** Absent: python3 of the workers' PATH. */
  readonly python?: string;
  readonly threads: number;
  readonly scriptName?: string;
  readonly lighttpdRootFix: boolean;
}

/** A program and its arguments, or a WSGI application. */
export type Wanted = { readonly command: readonly [string, ...string[]] } | { readonly wsgi: WsgiWish };

export interface ProgramWish {
  readonly wanted: Wanted;
  /** Where a relative name starts. */
  readonly directory: string;
  /** Absent: the program's directory. */
  readonly cwd?: string;
  /** The environment that the workers will have. */
  readonly environment: Readonly<Record<string, string>>;
  readonly identity: Identity;
}

export interface Program {
  readonly path: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The file of ours among the arguments that serves the application; absent: the program serves by itself. */
  readonly runner?: string;
  /** Files with the text of the program, as far as they are known: whoever runs it has to read them. */
  readonly sources: readonly string[];
}
