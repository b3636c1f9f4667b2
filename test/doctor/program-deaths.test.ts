/** Programs that end before they wait for a request, each for a reason that can be found out. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { appsDirectory } from "../helpers/programs.ts";
import { responder, textOf, traps, useSite } from "./clinic.ts";

jest.setTimeout(60_000);

const site = useSite();

describe("fcgi-pm doctor, of a program that ends before it is ready", () => {
  test("shows the traceback and as whom, where and with what it ran", async () => {
    const program = site.lay("imports-yourapplication.fcgi");
    const diagnosis = await site.doctor([program, "--user", "nobody"]);
    expect(diagnosis.code).toBe(4);
    const text = textOf(diagnosis.find("program.module-missing"));
    expect(text).toContain("| ModuleNotFoundError: No module named 'yourapplication'");
    expect(text).toMatch(/started as nobody \(uid \d+\) in .*\/site: /);
    expect(text).toContain("interpreter: /usr/bin/python3");
    expect(text).toMatch(/PATH=.*, PYTHONPATH is not set/);
    expect(text).toContain("-m pip install yourapplication");
  });

  test("finds the module that lies near, proves it, and names the setting", async () => {
    const program = site.lay("imports-yourapplication.fcgi");
    site.write("site/lib/yourapplication.py", "");
    copyFileSync(responder, join(site.directory, "site/lib/yourapplication.py"));
    const finding = (await site.doctor([program])).find("program.module-missing");
    const directory = join(site.directory, "site/lib");
    expect(finding.what).toContain(`it lies in ${directory}`);
    expect(finding.remedy).toEqual([`add to the command line: --env PYTHONPATH=${directory}`]);
    expect((await site.doctor([program, "--env", `PYTHONPATH=${directory}`])).code).toBe(0);
  });

  test("finds the virtualenv that has the module", async () => {
    const program = site.lay("imports-yourapplication.fcgi");
    const home = join(site.directory, "site/venv");
    execFileSync("/usr/bin/python3", ["-m", "venv", "--without-pip", home]);
    const [version = ""] = readdirSync(join(home, "lib"));
    copyFileSync(responder, join(home, "lib", version, "site-packages/yourapplication.py"));
    const finding = (await site.doctor([program])).find("interpreter.other-has-module");
    expect(finding.what).toContain(`${home}/bin/python`);
    expect(finding.remedy[0]).toBe(`name it in the first line: sed -i '1s|^#!.*|#!${home}/bin/python|' ${program}`);
  });

  test("finds the directory of a Perl module", async () => {
    const program = site.lay("imports-from-a-package.fcgi");
    const loop =
      "use FCGI; my $r = FCGI::Request(); print qq(Content-Type: text/plain\\r\\n\\r\\n) while $r->Accept() >= 0;";
    site.write("site/lib/Your/Application.pm", `package Your::Application; sub serve { ${loop} } 1;`);
    const finding = (await site.doctor([program])).find("program.module-missing");
    expect(finding.what).toContain('"Your::Application"');
    expect(finding.remedy).toEqual([`add to the command line: --env PERL5LIB=${join(site.directory, "site/lib")}`]);
  });

  test("finds the directory of a Ruby file", async () => {
    const program = site.lay("requires-a-gem.fcgi");
    const loop =
      "FCGI.each { |request| request.out.print %(Content-Type: text/plain\\r\\n\\r\\nhello); request.finish }";
    site.write(
      "lib/your_application.rb",
      `ENV["USE_PURE_RUBY_FCGI"] ||= "1"\nrequire "fcgi"\nmodule YourApplication\n  def self.serve\n    ${loop}\n  end\nend\n`,
    );
    const finding = (await site.doctor([program])).find("program.module-missing");
    expect(finding.remedy).toEqual([`add to the command line: --env RUBYLIB=${join(site.directory, "lib")}`]);
  });

  test("sees that the module is there, and closed to the app's user (as root)", async () => {
    const program = site.lay("imports-yourapplication.fcgi");
    site.write("site/yourapplication/__init__.py", "", 0o644);
    chmodSync(join(site.directory, "site/yourapplication"), 0o700);
    const finding = (await site.doctor([program, "--user", "nobody"])).find("program.forbidden-file");
    expect(finding.what).toContain('does not find the module "yourapplication"');
    expect(finding.remedy).toContain(`chmod o+x ${join(site.directory, "site/yourapplication")}`);
  });

  test("tells a variable that the shell has and is not enough", async () => {
    const program = site.lay("needs-an-unknown-variable.fcgi");
    site.write(
      "site/needs-more.fcgi",
      "#!/usr/bin/python3 -B\nimport os\nos.environ['BLOG_ONE']\nimport no_such_module\n",
    );
    const env = { BLOG_ONE: "1" };
    const diagnosis = await site.doctor([join(dirname(program), "needs-more.fcgi")], { env });
    const finding = diagnosis.find("program.needs-environment");
    expect(textOf(finding)).toContain("it fails in another way: ModuleNotFoundError: No module named 'no_such_module'");
    expect(finding.remedy[0]).toBe("add to the command line: --pass-env BLOG_ONE");
  });

  test("says how a Node package is installed", async () => {
    const finding = (await site.doctor([site.lay("requires-a-package.cjs")])).find("program.module-missing");
    expect(finding.what).toContain('"your-application"');
    expect(finding.remedy.join()).toContain("npm install your-application");
  });

  test("names the missing shared library", async () => {
    const library = join(site.directory, "libgreeting.so");
    const source = site.write("greeting.c", "int greeting(void) { return 0; }\n");
    execFileSync("gcc", ["-shared", "-fPIC", "-o", library, source]);
    const program = join(site.directory, "app");
    const trap = join(traps, "listens-and-loads-a-library.c");
    execFileSync("gcc", ["-o", program, trap, library, `-Wl,-rpath,${site.directory}`]);
    rmSync(library);
    const finding = (await site.doctor([program])).find("program.library-missing");
    expect(finding.what).toContain("libgreeting.so");
    expect(finding.remedy[0]).toContain(`ldd ${program}`);
  });

  test("finds the directory from which a relative path is right", async () => {
    const program = site.lay("opens-a-relative-path.fcgi");
    site.write("home/conf/settings.ini", "[site]\n", 0o644);
    const cwd = join(site.directory, "home");
    const args = [program, "--env", `RESPONDER=${appsDirectory}`];
    const finding = (await site.doctor(args, { cwd })).find("program.relative-path");
    expect(finding.what).toContain("conf/settings.ini");
    expect(finding.remedy[0]).toBe(`add to the command line: --cwd ${cwd}`);
    expect((await site.doctor([...args, "--cwd", cwd])).code).toBe(0);
  });

  test("finds by halving which variables of the shell it needs, and shows no value", async () => {
    const program = site.lay("needs-two-variables.fcgi");
    const others = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`OTHER_${index}`, "x"]));
    const env = { ...others, BLOG_DATABASE: "the-database", BLOG_SECRET: "the-secret-itself" };
    const { stdout } = await site.read(["--json", program], { env });
    const finding = (await site.doctor([program], { env })).find("program.needs-environment");
    expect(finding.remedy[0]).toMatch(
      /--pass-env BLOG_DATABASE --pass-env BLOG_SECRET|--pass-env BLOG_SECRET --pass-env BLOG_DATABASE/,
    );
    expect(textOf(finding)).not.toContain("OTHER_");
    expect(stdout).not.toContain("the-secret-itself");
    expect(
      (await site.doctor([program, "--pass-env", "BLOG_DATABASE", "--pass-env", "BLOG_SECRET"], { env })).code,
    ).toBe(0);
  });

  test("names the variable that nobody has set", async () => {
    const finding = (await site.doctor([site.lay("needs-an-unknown-variable.fcgi")])).find("program.variable-missing");
    expect(finding.what).toContain("BLOG_DATABASE_THAT_NOBODY_SETS");
  });

  test("says which file the app's user may not read, though root may (as root)", async () => {
    const program = site.lay("reads-a-secret.fcgi");
    const secret = site.write("secrets/key", "secret\n", 0o600);
    const finding = (await site.doctor([program, "--user", "nobody", "--", secret])).find("program.forbidden-file");
    expect(textOf(finding)).toContain(`${secret} has the rights -rw------- root:root`);
    expect(textOf(finding)).toContain("root may use it");
    expect(finding.remedy).toContain(`chmod o+r ${secret}   # o+rw, if the program writes to it`);
    chmodSync(join(site.directory, "secrets"), 0o700);
    const other = (await site.doctor([program, "--user", "nobody", "--", secret])).find("program.forbidden-file");
    expect(other.remedy).toContain(`chmod o+x ${join(site.directory, "secrets")}`);
  });

  test("names the user that the file belongs to before it has it opened for all (as root)", async () => {
    const secret = site.write("secrets/key", "secret\n", 0o600);
    chownSync(secret, 1, 1);
    const args = [site.lay("reads-a-secret.fcgi"), "--user", "nobody", "--", secret];
    expect((await site.doctor(args)).find("program.forbidden-file").remedy[0]).toContain("--user daemon");
  });

  test("finds the directory that SQLite misses, whatever else the program has complained of before", async () => {
    const database = join(site.directory, "gone/data/rtdb");
    const program = [
      "#!/usr/bin/python3",
      "import sqlite3, sys",
      'print("/etc/shadow: Permission denied, never mind", file=sys.stderr)',
      "try:",
      `    sqlite3.connect("${database}").execute("select 1")`,
      "except sqlite3.OperationalError as error:",
      `    sys.exit(f"connect('dbname=${database};host=localhost') failed: {error}")`,
    ];
    const finding = (await site.doctor([site.write("app.fcgi", program.join("\n"))])).find("program.database");
    expect(finding.what).toContain(`there is no ${join(site.directory, "gone")}`);
  });

  test("says of a directory that it lets the app's user make no file in it, and the command mends it (as root)", async () => {
    const directory = dirname(site.write("logs/old.log", "", 0o644));
    const text = `#!/usr/bin/python3\nopen("${directory}/app.log", "a")\nopen(0).read()\n`;
    const args = [site.write("app.fcgi", text), "--user", "nobody"];
    const finding = (await site.doctor(args)).find("program.forbidden-file");
    expect(finding.what).toContain(`${directory} lets that user make no file in it`);
    execFileSync("sh", ["-c", finding.remedy[1] ?? ""]);
    expect((await site.doctor(args)).codes).not.toContain("program.forbidden-file");
  });

  test("says for which machine a program is built", async () => {
    const binary = Buffer.from(readFileSync("/bin/true"));
    const [own, other] = process.arch === "arm64" ? ["aarch64", 62] : ["x86_64", 183];
    binary.writeUInt16LE(other, 18);
    const finding = (await site.doctor([site.write("app", binary)])).find("program.other-machine");
    expect(finding.what).toContain(`for ${other === 183 ? "aarch64" : "x86_64"}, and this is ${own}`);
  });

  test("takes nothing for the reason when the same start works the next time", async () => {
    const program = site.lay("fails-the-first-time.fcgi");
    const args = [program, "--", join(site.directory, "cache")];
    const diagnosis = await site.doctor(args, { env: { BLOG_DATABASE: "posts" } });
    expect(textOf(diagnosis.find("program.fails-sometimes"))).toContain("| no cache");
  });

  test("says that the interpreter does not understand the program", async () => {
    const finding = (await site.doctor([site.lay("has-a-syntax-error.fcgi")])).find("program.syntax");
    expect(textOf(finding)).toContain("Missing parentheses in call to 'print'");
  });

  test("names the line of the config where the app stands in one", async () => {
    const program = site.lay("imports-yourapplication.fcgi");
    mkdirSync(join(site.directory, "site/lib"));
    copyFileSync(responder, join(site.directory, "site/lib/yourapplication.py"));
    const config = site.write("fcgi-pm.toml", `[apps.blog]\ncommand = ["${program}"]\n`, 0o644);
    const diagnosis = await site.doctor(["blog"]);
    const line = `env = { PYTHONPATH = "${join(site.directory, "site/lib")}" }`;
    expect(diagnosis.find("program.module-missing").remedy).toEqual([`in fcgi-pm.toml, under [apps.blog]: ${line}`]);
    expect((await site.doctor(["--config", config])).codes).toEqual(diagnosis.codes);
  });
});
