import { expect, test } from "@jest/globals";
import { appNameOf } from "../../src/cli/app-name.ts";

test.each([
  ["/var/www/blog/app.fcgi", "app"],
  ["/srv/my app!.pl", "my-app"],
  ["/srv/über.fcgi", "uber"],
  ["/srv/.hidden", "hidden"],
  ["/srv/@", "app"],
])("the program %s is called %s", (program, name) => {
  expect(appNameOf(program, undefined)).toBe(name);
});

test.each([
  ["yourapplication:app", "yourapplication"],
  ["shop.web:app", "web"],
  ["shop.wsgi:application", "shop"],
  ["shop/wsgi.py", "shop"],
  ["wsgi:app", "wsgi"],
])("the application %s is called %s", (wsgi, name) => {
  expect(appNameOf(wsgi, wsgi)).toBe(name);
});
