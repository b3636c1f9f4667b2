/** The echo of fixtures/apps on this project's own responder, as much of it as the comparison of libraries asks for. */
import { respond } from "../../../src/index.ts";

await respond(async ({ params, body }) => {
  let length = 0;
  for await (const piece of body) length += piece.length;
  return { headers: { "Content-Type": "text/plain" }, body: `query=${params.get("QUERY_STRING")}\nbody=${length}\n` };
});
