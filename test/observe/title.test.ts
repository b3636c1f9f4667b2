import { expect, test } from "@jest/globals";
import { managerTitle } from "../../src/observe/title.ts";

test("the title names as many apps as there is room for, and counts the rest", () => {
  const apps = ["blog", "shop", "mailer"];
  expect(managerTitle(apps, 100)).toBe("fcgi-pm: manager [blog, shop, mailer]");
  expect(managerTitle(apps, 36)).toBe("fcgi-pm: manager [blog, shop, +1]");
  expect(managerTitle(apps, 30)).toBe("fcgi-pm: manager [blog, +2]");
  expect(managerTitle(apps, 20)).toBe("fcgi-pm: manager");
});
