/** A program that refuses its clients: some libraries heed FCGI_WEB_SERVER_ADDRS on a Unix socket, whose clients have no address. */
import type { Cause } from "../diagnosis/death.ts";
import type { Case } from "./case.ts";
import { works } from "./variation.ts";

const variable = "FCGI_WEB_SERVER_ADDRS";

/** Undefined: it is not that. */
export async function causeOfPeers(sick: Case): Promise<Cause | undefined> {
  const { [variable]: clients, ...environment } = sick.plan.environment;
  if (clients === undefined || sick.plan.app.listen.kind !== "unix") return undefined;
  if (!(await works(sick, { environment }, "sound answer"))) return undefined;
  return {
    code: "answer.cut-short",
    what: `The program refuses every client on a Unix socket, because ${variable} is set`,
    seen: [`started without ${variable}, and otherwise the same, it answers`],
    remedy: [`take ${variable} out of env, env-file and pass-env: allowed-clients sets it, for ports only`],
  };
}
