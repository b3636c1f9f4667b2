/** Programs that cannot even be started. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { textOf, useSite } from "./clinic.ts";

jest.setTimeout(60_000);

const site = useSite();

const body = "\nimport sys\n";

describe("fcgi-pm doctor, before anything is started", () => {
  test("names the command that makes a program executable", async () => {
    const program = site.write("app.fcgi", `#!/usr/bin/python3${body}`, 0o644);
    const diagnosis = await site.doctor([program]);
    expect(diagnosis.code).toBe(4);
    expect(diagnosis.find("program.not-executable")).toMatchObject({
      level: "broken",
      remedy: [`chmod +x ${program}`],
    });
    expect(diagnosis.tried).toEqual([]);
  });

  test.each([
    ["blog.py", "fcgi-pm doctor --wsgi ./blog.py:app"],
    ["index.php", "fcgi-pm doctor php-cgi --root . --uri /index.php"],
  ])("says what serves %s, which is no program", async (name, command) => {
    site.write(name, "\n", 0o644);
    expect((await site.doctor([`./${name}`])).find("program.not-executable").remedy.at(-1)).toContain(command);
  });

  test("sees a program without a #! line", async () => {
    const diagnosis = await site.doctor([site.write("app.fcgi", "import sys\n")]);
    expect(diagnosis.find("program.no-first-line").remedy.join()).toContain("#!/usr/bin/python3");
  });

  test("sees a #! line that ends with CR LF, and names the command that mends it", async () => {
    const program = site.write("app.fcgi", "#!/usr/bin/python3\r\nimport sys\r\n");
    const { remedy } = (await site.doctor([program])).find("program.crlf");
    expect(remedy).toContain(`sed -i 's/\\r$//' ${program}`);
  });

  test("sees a byte order mark before the #! line", async () => {
    const program = site.write("app.fcgi", `\ufeff#!/usr/bin/python3${body}`);
    expect((await site.doctor([program])).find("program.byte-order-mark").remedy.join()).toContain("sed -i");
  });

  test("knows which interpreter there is in the place of one that is missing", async () => {
    const program = site.write("app.fcgi", `#!/opt/missing/python${body}`);
    const { remedy, what } = (await site.doctor([program], { env: { PATH: "/usr/bin" } })).find("interpreter.missing");
    expect(what).toContain("/opt/missing/python");
    expect(remedy[0]).toBe(`there is /usr/bin/python3: sed -i '1s|^#!.*|#!/usr/bin/python3|' ${program}`);
  });

  test("takes no shim of pyenv for the interpreter that is missing", async () => {
    site.write("shims/python", "#!/bin/sh\necho not installed >&2; exit 127\n");
    const program = site.write("app.fcgi", `#!/opt/missing/python${body}`);
    const env = { PATH: `${join(site.directory, "shims")}:/usr/bin` };
    const { remedy } = (await site.doctor([program], { env })).find("interpreter.missing");
    expect(remedy[0]).toContain("there is /usr/bin/python3:");
  });

  test("sees that an interpreter is not in the PATH of the workers", async () => {
    const program = site.write("app.fcgi", `#!/usr/bin/env python3${body}`);
    const finding = (await site.doctor([program, "--env", "PATH=/nowhere"])).find("interpreter.missing");
    expect(finding.what).toContain("the workers' PATH (/nowhere)");
  });

  test("says that env takes options behind it for a part of the interpreter's name", async () => {
    const program = site.write("app.fcgi", `#!/usr/bin/env python3 -u${body}`);
    const diagnosis = await site.doctor([program]);
    expect(diagnosis.find("interpreter.options-behind-env").remedy).toContain(
      "in the first line: #!/usr/bin/env -S python3 -u",
    );
  });

  test("says that another interpreter is found than in the shell", async () => {
    const other = site.write("bin/python3", '#!/bin/sh\nexec /usr/bin/python3 "$@"\n');
    const program = site.write("app.fcgi", `#!/usr/bin/env python3${body}`);
    const path = `${join(site.directory, "bin")}:/usr/bin:/bin`;
    const note = (await site.doctor([program, "--env", "PATH=/usr/bin:/bin"], { env: { PATH: path } })).find(
      "interpreter.differs",
    );
    expect(note.level).toBe("note");
    expect(note.what).toContain(`this shell's is ${other}`);
    expect(note.remedy[0]).toBe(
      `name the one that is meant in the first line: sed -i '1s|^#!.*|#!${other}|' ${program}`,
    );
  });

  test("names the directory that is closed to the app's user (as root)", async () => {
    const program = site.write("closed/app.fcgi", `#!/usr/bin/python3${body}`);
    chmodSync(join(site.directory, "closed"), 0o700);
    const finding = (await site.doctor([program, "--user", "nobody"])).find("program.not-executable");
    expect(textOf(finding)).toContain(`${join(site.directory, "closed")} is closed to that user: drwx------`);
    expect(finding.remedy[0]).toBe(`chmod o+x ${join(site.directory, "closed")}`);
  });

  test("says of a program that is not there where it was looked for", async () => {
    const diagnosis = await site.doctor(["no-such-program"]);
    expect(diagnosis.find("program.missing").what).toContain("nor in PATH");
    const wsgi = (await site.doctor(["blog:app"])).find("program.missing");
    expect(wsgi.remedy.at(-1)).toBe("or, if it is a WSGI application: fcgi-pm doctor --wsgi blog:app");
    expect(diagnosis.code).toBe(4);
  });
});
