/** What programs say when they end, in the words of their languages. */
import { describe, expect, test } from "@jest/globals";
import { complaintIn } from "../../src/diagnosis/last-words.ts";

const traceback = (last: string, ...frames: string[]) => ["Traceback (most recent call last):", ...frames, last];

describe("complaintIn()", () => {
  test.each([
    ["Python 3", traceback("ModuleNotFoundError: No module named 'blog.views'"), "blog.views"],
    ["Python, closed", traceback("ImportError: cannot import name 'app' from 'blog' (unknown location)"), "blog"],
    ["Python 2", traceback("ImportError: No module named yourapplication"), "yourapplication"],
    [
      "Perl",
      [
        "Can't locate Foo/Bar.pm in @INC (you may need to install the Foo::Bar module) (@INC contains: /etc/perl) at x line 2.",
      ],
      "Foo::Bar",
    ],
    [
      "Ruby",
      [
        "<internal:/usr/lib/ruby/rubygems/core_ext/kernel_require.rb>:85:in `require': cannot load such file -- rack/handler (LoadError)",
      ],
      "rack/handler",
    ],
    ["Node, CommonJS", ["Error: Cannot find module 'express'", "Require stack:", "- /srv/app.cjs"], "express"],
    [
      "Node, ESM",
      ["Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'fastify' imported from /srv/app.mjs"],
      "fastify",
    ],
  ])("finds the missing module of %s", (_language, lines, name) => {
    expect(complaintIn(lines)).toMatchObject({ kind: "module-missing", name });
  });

  test.each([
    [
      "Python",
      traceback("FileNotFoundError: [Errno 2] No such file or directory: 'conf/settings.ini'"),
      "conf/settings.ini",
    ],
    [
      "Ruby",
      ["app.rb:3:in `initialize': No such file or directory @ rb_sysopen - conf/settings.ini (Errno::ENOENT)"],
      "conf/settings.ini",
    ],
    ["Node", ["Error: ENOENT: no such file or directory, open 'conf/settings.ini'"], "conf/settings.ini"],
    [
      "PHP",
      ["PHP Fatal error:  Uncaught Error: Failed opening required 'config/db.php' (include_path='.') in /srv/x.php:2"],
      "config/db.php",
    ],
    ["sh", ["/srv/app.sh: 3: cannot open conf/settings.ini: No such file"], "conf/settings.ini"],
    ["cat", ["cat: conf/settings.ini: No such file or directory"], "conf/settings.ini"],
  ])("finds the missing file of %s", (_language, lines, path) => {
    expect(complaintIn(lines)).toMatchObject({ kind: "file-missing", path });
  });

  test.each([
    ["Python", traceback("PermissionError: [Errno 13] Permission denied: '/etc/blog/key'")],
    ["Python's own start", ["/usr/bin/python3: can't open file '/etc/blog/key': [Errno 13] Permission denied"]],
    ["Perl's own start", [`Can't open perl script "/etc/blog/key": Permission denied`]],
    ["Ruby", ["app.rb:3:in `initialize': Permission denied @ rb_sysopen - /etc/blog/key (Errno::EACCES)"]],
    ["Node", ["Error: EACCES: permission denied, open '/etc/blog/key'"]],
    ["cat", ["cat: /etc/blog/key: Permission denied"]],
  ])("finds the forbidden file of %s", (_language, lines) => {
    expect(complaintIn(lines)).toMatchObject({ kind: "forbidden", path: "/etc/blog/key" });
  });

  test.each([
    ["Python", traceback("KeyError: 'DATABASE_URL'", '  File "<frozen os>", line 679, in __getitem__')],
    ["Ruby", ['app.rb:3:in `fetch\': key not found: "DATABASE_URL" (KeyError)']],
    ["sh -u", ["/srv/app.sh: 3: DATABASE_URL: parameter not set"]],
    ["bash -u", ["/srv/app.sh: line 3: DATABASE_URL: unbound variable"]],
    ["Django's way", ["django.core.exceptions.ImproperlyConfigured: Set the DATABASE_URL environment variable"]],
    ["a careful program", ["DATABASE_URL is not set"]],
  ])("finds the missing variable of %s", (_language, lines) => {
    expect(complaintIn(lines)).toMatchObject({ kind: "variable-missing", name: "DATABASE_URL" });
  });

  test.each([
    [
      "Perl's DBI",
      "DBI connect('dbname=/var/lib/rt/rtdb;host=localhost','',...) failed: unable to open database file at x line 2.",
      "/var/lib/rt/rtdb",
    ],
    ["Python's sqlite3", "sqlite3.OperationalError: unable to open database file", ""],
    ["an empty file", "DBD::SQLite::db prepare failed: no such table: Users at /srv/x.pl line 2.", ""],
    ["libpq", 'connection to server at "127.0.0.1", port 5432 failed: Connection refused', ""],
    ["PostgreSQL", 'FATAL:  password authentication failed for user "blog"', ""],
    ["PostgreSQL, of a name", 'FATAL:  database "blog" does not exist', ""],
    [
      "MySQL",
      "ERROR 2002 (HY000): Can't connect to local MySQL server through socket '/run/mysqld/mysqld.sock' (2)",
      "",
    ],
    ["MySQL, of a password", "Access denied for user 'blog'@'localhost' (using password: YES)", ""],
  ])("finds the trouble with the database in the words of %s", (_whose, line, path) => {
    expect(complaintIn(["/etc/rt/site.pm: Permission denied", line])).toMatchObject({ kind: "database", path, line });
  });

  test("takes the KeyError of any other dictionary for none", () => {
    expect(complaintIn(traceback("KeyError: 'title'", '  File "/srv/app.py", line 3, in <module>'))).toBeUndefined();
  });

  test.each([
    ["address-taken", "OSError: [Errno 98] Address already in use"],
    ["address-taken", "Error: listen EADDRINUSE: address already in use :::3000"],
    [
      "library-missing",
      "/srv/app: error while loading shared libraries: libfcgi.so.0: cannot open shared object file: No such file or directory",
    ],
    ["no-such-interpreter", "/usr/bin/env: ‘python3 -u’: No such file or directory"],
    ["syntax", "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?"],
    ["syntax", "PHP Parse error:  syntax error, unexpected end of file in /srv/x.php on line 9"],
    ["stdin-is-a-socket", "cat: -: Invalid argument"],
  ])("knows %s", (kind, line) => {
    expect(complaintIn([line])).toMatchObject({ kind, line });
  });

  test("takes a wrong argument for a matter of standard input only where that is spoken of", () => {
    const last = "OSError: [Errno 22] Invalid argument";
    const reading = traceback(last, '  File "/srv/app.py", line 3, in <module>', "    for line in sys.stdin:");
    expect(complaintIn(reading)).toMatchObject({ kind: "stdin-is-a-socket" });
    expect(complaintIn(traceback(last, "    mmap.mmap(-1, 0)"))).toBeUndefined();
  });

  test("takes no word in capitals for a variable that is not called one", () => {
    expect(complaintIn(["ERROR missing template"])).toBeUndefined();
    expect(complaintIn(["HTTP required"])).toBeUndefined();
    expect(complaintIn(["SECRET must be set"])).toMatchObject({ name: "SECRET" });
  });

  test("takes the last complaint, and nothing for what it does not know", () => {
    const lines = ["cat: first: No such file or directory", "ModuleNotFoundError: No module named 'second'"];
    expect(complaintIn(lines)).toMatchObject({ kind: "module-missing", name: "second" });
    expect(complaintIn(["giving up", "Segmentation fault"])).toBeUndefined();
    expect(complaintIn([])).toBeUndefined();
  });
});
