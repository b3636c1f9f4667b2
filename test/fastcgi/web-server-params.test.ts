import { expect, test } from "@jest/globals";
import { webServerParams } from "../../src/fastcgi/web-server-params.ts";

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
