import { createServer } from "node:http";
import { answer } from "./answer.ts";

createServer(answer).listen(process.argv[2]);
