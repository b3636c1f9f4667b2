import type { RequestListener } from "node:http";
import { createRequire } from "node:module";
import { answer } from "./answer.ts";

interface NodeFastCgi {
  createServer(listener: RequestListener): { listen(path: string): void };
}

// It takes the listener's word for the type of `this`, and is CommonJS.
const fastCgi = createRequire(import.meta.url)(String(process.argv[3])) as NodeFastCgi;
fastCgi.createServer(answer).listen(String(process.argv[2]));
