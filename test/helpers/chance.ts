/**
 * fast-check. Chance decides here; in CI it throws the same dice for every run, which is to judge a change and not its luck.
 * To play a failure again, take the seed from its report: `FCGI_PM_SEED=-1234 npm test -- test/import/anything`.
 */
import fc from "fast-check";

const { CI, FCGI_PM_SEED } = process.env;
const seed = FCGI_PM_SEED ?? (CI === "true" ? "1" : undefined);
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });

export default fc;
