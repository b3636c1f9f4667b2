#!/usr/bin/env node
// Listens where it should, and speaks the wrong language.
require("node:http")
  .createServer((_request, response) => response.end("hello\n"))
  .listen({ fd: 0 });
