/** `fcgi-pm demo`: the main job on an example that needs nothing else. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { appFromFlags, managerFromFlags } from "../config/parse.ts";
import { request } from "../fastcgi/client.ts";
import { webServerParams } from "../fastcgi/web-server-params.ts";
import { catchSignals } from "../manager/signals.ts";
import { statusTable } from "../observe/status.ts";
import { parseContext } from "./context.ts";
import { launch } from "./start.ts";

/** Runs until a signal; gives the exit status. */
export async function demo(): Promise<number> {
  const program = fileURLToPath(new URL("../fixtures/apps/hello.fcgi", import.meta.url));
  const socket = join(tmpdir(), "fcgi-pm-demo.sock");
  const context = parseContext();
  const app = appFromFlags("hello", [program], { processes: "4", socket }, context);
  const signals = catchSignals();
  const manager = await launch({ manager: managerFromFlags({}, context), apps: [app] });
  const ended = signals.obey(manager);
  await Promise.race([manager.ready, ended]);
  if (!manager.isReady()) return ended;
  const answer = await request({
    listen: { kind: "unix", path: socket },
    params: webServerParams({ method: "GET", uri: "/hello?name=world" }),
    timeoutMs: 5000,
  });
  process.stdout.write(`\nGET /hello?name=world, asked through ${socket}: ${answer.status}\n${answer.body}\n`);
  process.stdout.write(`${statusTable(manager.status())}\n\nIt serves on. Ctrl-C ends it.\n`);
  return ended;
}
