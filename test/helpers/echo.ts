/** The answers of the programs in fixtures/apps. */

/** What an echo said: its lines by name, and what came after them. */
export interface Echo {
  readonly pid: number;
  readonly worker: string;
  readonly method: string;
  readonly scriptName: string;
  readonly pathInfo: string;
  readonly query: string;
  readonly body: number;
  readonly sha: string | undefined;
  /** How many bytes `size=N` brought. */
  readonly extra: number;
}

/** Reads an echo's answer; throws when it is none. */
export function readEcho(answer: string): Echo {
  const lines = new Map(
    [...answer.matchAll(/^(pid|worker|method|script_name|path_info|query|body|sha)=(.*)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]),
  );
  const line = (name: string): string => {
    const value = lines.get(name);
    if (value === undefined) throw new Error(`Cannot read the answer, it has no "${name}=": ${answer.slice(0, 500)}`);
    return value;
  };
  return {
    pid: Number(line("pid")),
    worker: line("worker"),
    method: line("method"),
    scriptName: line("script_name"),
    pathInfo: line("path_info"),
    query: line("query"),
    body: Number(line("body")),
    sha: lines.get("sha"),
    extra: /(?:^|\n)(x+)$/.exec(answer)?.[1]?.length ?? 0,
  };
}
