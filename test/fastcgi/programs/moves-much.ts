/** Sends a gigabyte, or takes what comes slowly; tells the most memory that it had at any time since it was asked last. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { type HttpRequest, serve } from "../../../src/index.ts";

const piece = Buffer.alloc(65_536, "x");
let most = 0;
const look = () => {
  most = Math.max(most, process.memoryUsage.rss());
};

function gigabyte(): Readable {
  let left = 16_384;
  return new Readable({
    read() {
      if (left % 256 === 0) look();
      left -= 1;
      this.push(left >= 0 ? piece : null);
    },
  });
}

async function countSlowly(req: HttpRequest): Promise<number> {
  let [bytes, pieces] = [0, 0];
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    pieces += 1;
    look();
    if (pieces % 32 === 0) await pause(2);
  }
  return bytes;
}

await serve(
  async (req, res) => {
    if (req.url === "/down") await pipeline(gigabyte(), res);
    else if (req.url === "/up") res.end(String(await countSlowly(req)));
    else res.end(String(most));
    if (req.url === "/most") most = 0;
  },
  { path: String(process.argv[2]) },
);
process.stdout.write("listening\n");
