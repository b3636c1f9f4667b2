/** `fcgi-pm demo`: the main job on an example that needs nothing else. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { appFromFlags, managerFromFlags } from "../config/parse.ts";
import { request } from "../fastcgi/client.ts";
import { webServerParams } from "../fastcgi/web-server-params.ts";
import { catchSignals } from "../manager/signals.ts";
import { appTable } from "../observe/table.ts";
import { parseContext } from "./context.ts";
import { launch } from "./start.ts";
import { screenOf } from "./terminal.ts";

/** Runs until a signal; gives the exit status. */
export async function demo(): Promise<number> {
  const program = fileURLToPath(new URL("../fixtures/apps/hello.fcgi", import.meta.url));
  const socket = join(tmpdir(), "fcgi-pm-demo.sock");
  const context = parseContext();
  const app = appFromFlags("hello", [program], { processes: "4", socket }, context);
  const signals = catchSignals();
  const config = { manager: managerFromFlags({}, context), apps: [app], externals: [] };
  const manager = await launch(config, { reread: async () => config });
  const ended = signals.obey(manager);
  await Promise.race([manager.ready, ended]);
  if (!manager.isReady()) return ended;
  const answer = await request({
    listen: { kind: "unix", path: socket },
    params: webServerParams({ method: "GET", uri: "/hello?name=world" }),
    timeoutMs: 5000,
  });
  process.stdout.write(`\nGET /hello?name=world, asked through ${socket}: ${answer.status}\n${answer.body}\n`);
  const status = manager.status();
  const lines = [
    ...status.apps.map(({ app, state, ready, wanted }) => `${app}: ${state}, ${ready} of ${wanted} workers ready`),
    "",
    ...appTable(status, { ...screenOf(process.stdout), nowMs: Date.now() }),
    "",
    "It serves on. Ctrl-C ends it.",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return ended;
}
