import { Readable } from "node:stream";
import express, { type Request, type Response } from "express";
import multer from "multer";
import { breaking, type MakeApplication, pieces } from "./application.ts";
import { sumOf } from "./sum.ts";

/** The routes of application.ts in Express. Every error but those of /breaks goes to Express's own handler. */
export const makeExpress: MakeApplication = async (directory) => {
  const app = express();
  app.set("trust proxy", false);
  app.use("/static", express.static(directory));
  app.get("/hello/:name", (req, res) => void res.json({ name: req.params["name"], query: req.query }));
  app.post("/json", express.json({ limit: "20mb" }), (req, res) => void res.status(201).json(req.body));
  app.post("/form", express.urlencoded({ extended: true }), (req, res) => void res.json(req.body));
  app.post("/multipart", multer({ storage: multer.memoryStorage() }).single("file"), multipart);
  app.post("/up", async (req, res) => void res.json(await sumOf(req)));
  app.get("/down", (req, res) => void Readable.from(pieces(Number(req.query["size"]))).pipe(res));
  app.get("/cookies", (req, res) => {
    res.cookie("a", "1", { path: "/", httpOnly: true }).cookie("b", "two words");
    res.json({ got: req.headers.cookie ?? "" });
  });
  app.get("/redirect", (_req, res) => res.redirect("/hello/again?x=1"));
  app.get("/empty", (_req, res) => void res.status(204).end());
  app.get("/not-modified", (_req, res) => void res.status(304).set("ETag", '"x"').end());
  app.get("/throws", () => {
    throw new Error("on purpose");
  });
  app.get("/rejects", async () => {
    throw new Error("on purpose");
  });
  app.get(
    "/breaks",
    (_req, res) =>
      void Readable.from(breaking())
        .on("error", (error) => res.destroy(error))
        .pipe(res),
  );
  app.get("/about", (req, res) => {
    const { ip, protocol, secure, hostname, originalUrl, method, httpVersion } = req;
    res.json({ ip, protocol, secure, hostname, originalUrl, method, httpVersion });
  });
  app.get("/file", (_req, res) => res.sendFile("file.txt", { root: directory, maxAge: 1000 }));
  app.get("/download", (_req, res) => res.download("file.txt", "named.txt", { root: directory }));
  app.use(
    "/sub",
    express.Router().get("/where", (req, res) => void res.json([req.baseUrl, req.url, req.originalUrl])),
  );
  return { kind: "node", handler: app };
};

async function multipart(req: Request & { file?: { buffer: Buffer; originalname: string } }, res: Response) {
  const { file } = req;
  res.json({ fields: { ...req.body }, name: file?.originalname, file: await sumOf(file?.buffer ?? Buffer.alloc(0)) });
}
