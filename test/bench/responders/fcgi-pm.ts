import { serve } from "../../../src/index.ts";
import { answer } from "./answer.ts";

await serve(answer, { path: String(process.argv[2]), stopOnSignals: true });
