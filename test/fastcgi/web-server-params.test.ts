import { describe, expect, test } from "@jest/globals";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";
import { type WebServerName, webServerNames } from "../../src/fastcgi/web-servers.ts";

test("the parameters of a plain request are those of CGI/1.1", () => {
  const params = webServerParams({ uri: "/a.php/info%20x?q=%20", scriptName: "/a.php", documentRoot: "/srv/" });
  expect(Object.fromEntries(params)).toEqual({
    SCRIPT_FILENAME: "/srv/a.php",
    SCRIPT_NAME: "/a.php",
    PATH_INFO: "/info x",
    PATH_TRANSLATED: "/srv/info x",
    DOCUMENT_URI: "/a.php/info x",
    DOCUMENT_ROOT: "/srv",
    QUERY_STRING: "q=%20",
    REQUEST_METHOD: "GET",
    REQUEST_URI: "/a.php/info%20x?q=%20",
    SERVER_PROTOCOL: "HTTP/1.1",
    REQUEST_SCHEME: "http",
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "fcgi-pm",
    REMOTE_ADDR: "127.0.0.1",
    REMOTE_PORT: "0",
    SERVER_ADDR: "127.0.0.1",
    SERVER_PORT: "80",
    SERVER_NAME: "localhost",
    REDIRECT_STATUS: "200",
    HTTP_HOST: "localhost",
  });
});

test.each([
  ["the whole path without a script's name", "/x/y?z", undefined, "/x/y", undefined],
  ["split where the script's name ends", "/app/y", "/app", "/app", "/y"],
  ["not split inside a word", "/apple", "/app", "/app", "/apple"],
  ["all PATH_INFO when the name is empty", "/x", "", "", "/x"],
])("the path is %s", (_name, uri, scriptName, name, info) => {
  const params = webServerParams(scriptName === undefined ? { uri } : { uri, scriptName });
  expect([params.get("SCRIPT_NAME"), params.get("PATH_INFO")]).toEqual([name, info]);
});

test("a path that is not UTF-8 keeps its bytes, and a percent sign that means nothing stays", () => {
  const { get } = { get: (uri: string) => webServerParams({ uri }).get("SCRIPT_NAME") };
  expect(get("/gr%C3%BC%zz%4")).toBe("/gr\u00fc%zz%4");
  expect(get("/gr%FC")).toEqual(Buffer.from("/gr\u00fc", "latin1"));
});

test.each([undefined, "nginx"] as const)("headers may be an object (as: %s)", (as) => {
  const params = webServerParams({ uri: "/", headers: { "X-A": "b", Host: "example.org" }, ...(as && { as }) });
  expect([params.get("HTTP_X_A"), params.get("HTTP_HOST")]).toEqual(["b", "example.org"]);
});

test("headers become HTTP_ parameters, Proxy does not, and the body's have names of their own", () => {
  const headers = [
    ["X-Forwarded-For", "a"],
    ["host", "example.org"],
    ["Proxy", "http://evil"],
    ["Content-Length", "9"],
  ] as const;
  const params = webServerParams({
    uri: "/",
    method: "POST",
    contentLength: 3,
    contentType: "a/b",
    headers,
    https: true,
  });
  expect(params.get("HTTP_X_FORWARDED_FOR")).toBe("a");
  expect(params.get("HTTP_HOST")).toBe("example.org");
  expect([params.get("CONTENT_LENGTH"), params.get("CONTENT_TYPE")]).toEqual(["3", "a/b"]);
  expect([params.get("HTTPS"), params.get("SERVER_PORT")]).toEqual(["on", "443"]);
  expect([params.has("HTTP_PROXY"), params.has("HTTP_CONTENT_LENGTH")]).toEqual([false, false]);
});

describe("as a certain web server", () => {
  const web = {
    uri: "/shop/cart%20x?id=1",
    scriptName: "/shop",
    documentRoot: "/srv/",
    serverName: "shop.example",
  } as const;
  const namesAs = (as: WebServerName) => [...webServerParams({ ...web, as }).keys()];

  test("the order is that of its own configuration: headers last, or first, and the length of the body first", () => {
    expect(namesAs("nginx").slice(0, 5)).toEqual([
      "QUERY_STRING",
      "REQUEST_METHOD",
      "CONTENT_TYPE",
      "CONTENT_LENGTH",
      "SCRIPT_NAME",
    ]);
    expect(namesAs("nginx").at(-1)).toBe("HTTP_HOST");
    expect(namesAs("apache").slice(0, 2)).toEqual(["HTTP_HOST", "PATH"]);
    expect(namesAs("lighttpd")[0]).toBe("CONTENT_LENGTH");
  });

  test.each(webServerNames)("%s splits the path, and has a host of its own accord", (as) => {
    const params = webServerParams({ ...web, as });
    const names = ["SCRIPT_NAME", "PATH_INFO", "REQUEST_URI", "HTTP_HOST", "SERVER_NAME"];
    expect(names.map((name) => params.get(name))).toEqual([
      "/shop",
      "/cart x",
      "/shop/cart%20x?id=1",
      "shop.example",
      "shop.example",
    ]);
  });

  test.each(webServerNames)("%s keeps bytes that are no UTF-8, and joins a header that comes twice", (as) => {
    const headers = [
      ["X-A", "1"],
      ["x-a", "2"],
      ["Cookie", "a=b"],
      ["Cookie", "c=d"],
      ["Proxy", "http://evil"],
    ] as const;
    const params = webServerParams({ as, uri: "/gr%FC", scriptName: "", headers });
    expect(params.get("PATH_INFO")).toEqual(Buffer.from("/gr\u00fc", "latin1"));
    expect([params.get("HTTP_X_A"), params.get("HTTP_COOKIE"), params.has("HTTP_PROXY")]).toEqual([
      "1, 2",
      "a=b; c=d",
      false,
    ]);
  });

  test("a path to a file is one, and what the caller says of it outranks all", () => {
    const file = { uri: "/a.php/b", scriptName: "/a.php", documentRoot: "/srv", servesFiles: true } as const;
    const fileAs = (as: WebServerName, more = {}) => webServerParams({ ...file, ...more, as }).get("SCRIPT_FILENAME");
    expect(webServerNames.map((as) => fileAs(as))).toEqual([
      "/srv/a.php",
      "proxy:fcgi://localhost/srv/a.php",
      "/srv/a.php",
    ]);
    for (const as of webServerNames) expect(fileAs(as, { scriptFilename: "/x" })).toBe("/x");
    expect(webServerParams({ ...file, pathInfo: "", as: "nginx" }).get("PATH_INFO")).toBe("");
  });
});
