/** Names a socket of its own, and tells where it serves. Its answer comes when the body has ended. */
import { respond } from "../../../src/index.ts";

const [path = ""] = process.argv.slice(2);
const server = await respond(
  async ({ body }) => {
    for await (const piece of body) if (piece.length === 0) break;
    return { body: String(process.pid) };
  },
  { ...(path === "" ? {} : { path }), maxConnections: Number(process.env["MAX_CONNECTIONS"] ?? 1000) },
);
process.stdout.write(`${JSON.stringify(server.address ?? "inherited")}\n`);
