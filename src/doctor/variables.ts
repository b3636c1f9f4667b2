/** A variable of the environment that the program asks for by name. */
import type { Cause } from "../diagnosis/death.ts";
import { passedOf, variableOf } from "../diagnosis/setting.ts";
import type { Case } from "./case.ts";
import { type Aim, tryVaried } from "./variation.ts";

/** Where this shell has it, it is tried with that alone. */
export async function causeOfVariable(sick: Case, name: string, aim: Aim): Promise<Cause> {
  const value = process.env[name];
  if (value === undefined || sick.plan.environment[name] === value) return unset(sick, name);
  const { isFine, lines } = await tryVaried(sick, { environment: { ...sick.plan.environment, [name]: value } }, aim);
  const outcome = isFine ? "it works" : `it fails in another way: ${lines.at(-1) ?? "without a word"}`;
  return {
    code: "program.needs-environment",
    what: `The program needs the variable ${name}, which this shell has and its workers do not get`,
    seen: [`started with ${name} as this shell has it, and otherwise the same, ${outcome}`],
    remedy: [
      passedOf(sick.home, [name]),
      "or give it by --env NAME=VALUE or --env-file FILE: systemd does not know this shell's variables",
    ],
    ...(isFine ? {} : { isGuess: true }),
  };
}

function unset(sick: Case, name: string): Cause {
  return {
    code: "program.variable-missing",
    what: `The program needs the variable ${name}, which is not set`,
    seen: ["workers get a clean environment; this shell does not have the variable either"],
    remedy: [variableOf(sick.home, name, "VALUE")],
    isGuess: true,
  };
}
