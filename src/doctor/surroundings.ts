/** Works in this shell, fails under the manager: the current directory and the environment, one after the other. */
import type { Cause } from "../diagnosis/death.ts";
import { passedOf, settingOf } from "../diagnosis/setting.ts";
import type { Case } from "./case.ts";
import { type Aim, fewestVariables, shellVariables, type Variation, works } from "./variation.ts";

export async function causeOfSurroundings(sick: Case, aim: Aim): Promise<Cause | undefined> {
  const { journal } = sick.patient;
  const here = process.cwd();
  const isElsewhere = here !== sick.plan.program.cwd;
  if (isElsewhere && (await works(sick, { cwd: here }, aim))) return needsDirectory(sick, here, aim);
  const variables = shellVariables(sick.plan, process.env);
  if (Object.keys(variables).length === 0) return undefined;
  journal.say("trying it with the environment of this shell");
  const whole = { environment: { ...sick.plan.environment, ...variables } };
  if (await works(sick, whole, aim))
    return needsVariables(sick, await fewestVariables(sick, variables, {}, aim), aim, undefined);
  if (!isElsewhere || !(await works(sick, { ...whole, cwd: here }, aim))) return undefined;
  const rest: Variation = { cwd: here };
  return needsVariables(sick, await fewestVariables(sick, variables, rest, aim), aim, here);
}

function outcome(aim: Aim): string {
  return aim === "ready" ? "it becomes ready" : "it answers as it should";
}

function needsDirectory(sick: Case, here: string, aim: Aim): Cause {
  const { cwd } = sick.plan.program;
  return {
    code: "program.needs-directory",
    what: `The program works from ${here}, and fails from ${cwd}, where its workers start: it uses relative paths`,
    seen: [`started in ${here}, and otherwise the same, ${outcome(aim)}`],
    remedy: [
      settingOf(sick.home, "cwd", here),
      "or make its paths absolute: they should not depend on the current directory",
    ],
  };
}

/** Their values are nobody's business. */
function needsVariables(sick: Case, names: readonly string[], aim: Aim, here: string | undefined): Cause {
  const list = names.join(", ");
  const where = here === undefined ? "" : ` in ${here}`;
  return {
    code: "program.needs-environment",
    what: `The program works with the environment of this shell, and needs of it: ${list}${here === undefined ? "" : `; it also has to be started in ${here}`}`,
    seen: [
      `started with ${list} as this shell has ${names.length === 1 ? "it" : "them"}${where}, and otherwise the same, ${outcome(aim)}`,
    ],
    remedy: [
      ...(here === undefined ? [] : [settingOf(sick.home, "cwd", here)]),
      passedOf(sick.home, names),
      `or give ${names.length === 1 ? "it" : "them"} by --env NAME=VALUE or --env-file FILE: systemd does not know this shell's variables`,
    ],
  };
}
