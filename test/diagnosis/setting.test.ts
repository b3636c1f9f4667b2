/** Settings, as they are written where the app is. */
import { expect, test } from "@jest/globals";
import { asFlag } from "../../src/diagnosis/setting.ts";

test.each([
  ['socket-owner = ":www-data"   # for blog, then: fcgi-pm reload blog', "--socket-owner :www-data"],
  ['socket-mode = "0666"   # everybody may connect', "--socket-mode 0666   # everybody may connect"],
  ['user = "www-data"   # or a user of its own, then: fcgi-pm reload', "--user www-data   # or a user of its own"],
  ["port = 9779   # another port", "--port 9779   # another port"],
  ['socket = "/srv/the blog/app.sock"', "--socket '/srv/the blog/app.sock'"],
])("%s is a flag of an app that stands in no config", (line, flag) => {
  expect(asFlag(line)).toBe(`add to the command line: ${flag}`);
});

test.each([
  ["chmod o+x /srv/blog   # lets everybody pass it"],
  ["fcgi-pm start --config /etc/fcgi-pm/fcgi-pm.toml"],
  ['socket = "$(readlink -f /run/app.sock)"   # the path that the link leads to'],
])("%s stays as it is", (line) => {
  expect(asFlag(line)).toBe(line);
});
