/** Init scripts that say in variables what they start: those of OpenRC, and of rc.subr. */

/** A command line, and settings of the app that it becomes, each as it stands in a variable. */
export interface Declared {
  readonly line: number;
  readonly command: string;
  /** `user` or `user:group`. */
  readonly owner: string | undefined;
  readonly directory: string | undefined;
}

/** Undefined: the script starts its programs itself. */
export function declaredBy(text: string, variables: ReadonlyMap<string, string>): Declared | undefined {
  if (!/^#!.*\bopenrc-run\b|^\s*run_rc_command\b/m.test(text)) return undefined;
  // An empty variable says as little as none.
  const get = (name: string) => variables.get(name) || undefined;
  const program = get("command");
  if (program === undefined) return undefined;
  const own = get("name") ?? "";
  const command = [program, get(`${own}_flags`) ?? get("command_flags"), get("command_args")].filter(Boolean).join(" ");
  const line = text.split("\n").findIndex((one) => /^\s*(?:export\s+)?command=/.test(one)) + 1;
  return {
    line: Math.max(1, line),
    command,
    owner: get("command_user") ?? get(`${own}_user`),
    directory: get("directory") ?? get(`${own}_chdir`),
  };
}
