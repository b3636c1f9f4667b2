// The echo of fixtures/apps on npm's node-fastcgi, as much of it as the comparison of libraries asks for.
const { createServer } = require("node-fastcgi");

createServer((req, res) => {
  let length = 0;
  req.on("data", (piece) => {
    length += piece.length;
  });
  req.on("end", () => {
    res.writeHead(200, { "Content-Type": "text/plain" });
    res.end(`query=${req.url.split("?")[1] ?? ""}\nbody=${length}\n`);
  });
}).listen();
