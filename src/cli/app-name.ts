/** What an app is called that stands in no config, where nobody gives it a name. */
import { basename, extname } from "node:path";
import { plainName } from "../plain-name.ts";

/** `/var/www/blog/app.fcgi` is called `app`, `shop.web:app` `web`. */
export function appNameOf(program: string, wsgi: string | undefined): string {
  const base = wsgi === undefined ? basename(program) : moduleNameOf(wsgi);
  return plainName(basename(base, extname(base))) || "app";
}

/** `yourapplication:app` is called `yourapplication`, `shop.web:app` `web`; `shop.wsgi` and `shop/wsgi.py` are what Django makes of `shop`. */
function moduleNameOf(wsgi: string): string {
  const [module = ""] = wsgi.split(":");
  const parts = module.replace(/\.py$/, "").split(/[./]/);
  const ofProject = parts.at(-1) === "wsgi" ? parts.at(-2) : undefined;
  return ofProject || parts.at(-1) || module;
}
