import { Readable } from "node:stream";
import cookie from "@fastify/cookie";
import multipart from "@fastify/multipart";
import files from "@fastify/static";
import fastify, { type FastifyInstance } from "fastify";
import { breaking, type MakeApplication, pieces } from "./application.ts";
import { sumOf } from "./sum.ts";

/** The routes of application.ts in Fastify. */
export const makeFastify: MakeApplication = async (directory) => {
  const app = fastify({ bodyLimit: 20_000_000 });
  await app.register(cookie);
  await app.register(multipart);
  await app.register(files, { root: directory, prefix: "/static/" });
  app.addContentTypeParser("application/octet-stream", (_request, payload, done) => done(null, payload));
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) =>
    done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );
  addBodies(app);
  addAnswers(app);
  await app.ready();
  return { kind: "node", handler: app.routing };
};

function addBodies(app: FastifyInstance): void {
  app.post("/json", (request, reply) => reply.status(201).send(request.body));
  app.post("/form", (request) => request.body);
  app.post("/up", (request) => sumOf(request.body as Readable));
  app.post("/multipart", async (request) => {
    const fields: Record<string, unknown> = {};
    let [name, file] = ["", await sumOf(Buffer.alloc(0))];
    for await (const part of request.parts()) {
      if (part.type === "field") fields[part.fieldname] = part.value;
      else [name, file] = [part.filename, await sumOf(part.file)];
    }
    return { fields, name, file };
  });
}

function addAnswers(app: FastifyInstance): void {
  type Named = { Params: { name: string }; Querystring: Record<string, string> };
  app.get<Named>("/hello/:name", ({ params, query }) => ({ name: params.name, query }));
  app.get<{ Querystring: { size: string } }>("/down", ({ query }, reply) => {
    return reply.type("application/octet-stream").send(Readable.from(pieces(Number(query.size))));
  });
  app.get("/cookies", (request, reply) => {
    void reply.setCookie("a", "1", { path: "/", httpOnly: true }).setCookie("b", "two words");
    return reply.send({ got: request.headers.cookie ?? "" });
  });
  app.get("/redirect", (_request, reply) => reply.redirect("/hello/again?x=1"));
  app.get("/empty", (_request, reply) => reply.status(204).send());
  app.get("/not-modified", (_request, reply) => reply.status(304).header("ETag", '"x"').send());
  app.get("/throws", () => {
    throw new Error("on purpose");
  });
  app.get("/rejects", async () => {
    throw new Error("on purpose");
  });
  app.get("/breaks", (_request, reply) => reply.send(Readable.from(breaking())));
  app.get("/about", ({ ip, protocol, hostname, url, method }) => ({ ip, protocol, hostname, url, method }));
  app.get("/file", (_request, reply) => reply.sendFile("file.txt"));
  app.get("/download", (_request, reply) => reply.download("file.txt", "named.txt"));
}
