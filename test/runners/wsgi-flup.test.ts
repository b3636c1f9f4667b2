/**
 * The `.fcgi` files of the guides, word for word, as programs under fcgi-pm. flup itself is not in Debian: fixtures/flup is a
 * stand-in that behaves as flup was seen to behave, and no line of flup is tested here.
 */
import { chmodSync, cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { request } from "../../src/fastcgi/client.ts";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { ask, root, runManager, startReady, usePlace } from "../helpers/manager.ts";
import { until } from "../helpers/wait.ts";

jest.setTimeout(60_000);
const place = usePlace();
const flup = join(root, "fixtures/flup");

/** The first line names Debian's Python, which has Flask; the guides' `/usr/bin/python` is no longer there. */
const file = (lines: string) => `#!/usr/bin/python3 -B\n${lines}`;

const plain = file(`from flup.server.fcgi import WSGIServer
from yourapplication import app

if __name__ == '__main__':
    WSGIServer(app).run()
`);

const stripped = file(`from flup.server.fcgi import WSGIServer
from yourapplication import app

class ScriptNameStripper(object):
   def __init__(self, app):
       self.app = app

   def __call__(self, environ, start_response):
       environ['SCRIPT_NAME'] = ''
       return self.app(environ, start_response)

app = ScriptNameStripper(app)

if __name__ == '__main__':
    WSGIServer(app).run()
`);

const bound = (path: string) =>
  file(`from flup.server.fcgi import WSGIServer
from yourapplication import app as application

WSGIServer(application, bindAddress='${path}').run()
`);

function write(text: string): string {
  cpSync(join(root, "test/runners/apps/yourapplication.py"), join(place.directory, "yourapplication.py"));
  const path = join(place.directory, "yourapplication.fcgi");
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

const flags = () => ["--socket", place.path, "--processes", "2", "--env", `PYTHONPATH=${flup}`];

describe("the guide's yourapplication.fcgi, with the stand-in for flup", () => {
  test("serves its pages, and each TERM ends its workers within flup's second", async () => {
    const manager = await startReady([write(plain), ...flags()]);
    expect((await ask(place.path, "/news/?page=3", { scriptName: "" })).body.toString()).toMatch(/^News, page 3, at /);
    expect((await ask(place.path, "/form", { scriptName: "" })).status).toBe(200);
    expect(await manager.stop()).toMatchObject({ code: 0 });
  });

  test("with ScriptNameStripper does what --script-name '' does", async () => {
    const pages = async (args: readonly string[]) => {
      const manager = await startReady([...args, ...flags()]);
      const answer = await ask(place.path, "/yourapplication.fcgi/news/", { scriptName: "/yourapplication.fcgi" });
      await manager.stop();
      return answer.body.toString();
    };
    const program = write(stripped);
    const own = ["--wsgi", "yourapplication:app", "--python", "/usr/bin/python3", "--script-name", ""];
    const expected = "News, page 1, at http://localhost/news/";
    expect(await pages([program])).toBe(expected);
    expect(await pages([...own, "--cwd", place.directory, "--env", "PYTHONDONTWRITEBYTECODE=1"])).toBe(expected);
  });

  test("with bindAddress serves its own socket, and never waits on ours: the worker never gets ready, and the log says so", async () => {
    const own = join(place.directory, "own.sock");
    const manager = runManager(["start", write(bound(own)), ...flags(), "--processes", "1", "--start-timeout", "4s"]);
    const params = webServerParams({ uri: "/news/", scriptName: "" });
    // Each worker is ended when its time is over: one that was slow to start may go in the middle of its answer.
    const answer = () => request({ listen: { kind: "unix", path: own }, params, timeoutMs: 20_000 });
    expect(await until(answer, { what: "an answer at its own socket", timeoutMs: 30_000 })).toMatchObject({
      status: 200,
    });
    const late = await manager.notice("worker.late");
    expect(late.msg).toContain("4s");
    expect(await manager.stop()).toMatchObject({ code: 143 });
  });
});
