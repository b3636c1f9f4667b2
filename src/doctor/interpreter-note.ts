/** `#!/usr/bin/env python3` means one thing in a shell and another under a manager with another PATH. */
import { realpathSync } from "node:fs";
import type { Finding } from "../diagnosis/finding.ts";
import type { Plan } from "../manager/plan.ts";
import { findInPath, interpreterOf } from "./interpreter.ts";

export function differingInterpreter(plan: Plan): Finding[] {
  const interpreter = interpreterOf(plan);
  if (interpreter?.envName === undefined) return [];
  const here = findInPath(interpreter.envName, process.env["PATH"] ?? "");
  if (here === undefined || realpathSync(here) === interpreter.path) return [];
  return [
    {
      code: "interpreter.differs",
      level: "note",
      what: `The workers' ${interpreter.envName} is ${interpreter.path}, this shell's is ${here}`,
      seen: [`the workers' PATH: ${plan.environment["PATH"] ?? ""}`, `this shell's PATH: ${process.env["PATH"] ?? ""}`],
      remedy: [`name the one that is meant in the first line: sed -i '1s|^#!.*|#!${here}|' ${interpreter.script}`],
    },
  ];
}
