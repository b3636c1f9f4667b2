/** As much of the packages without types as the applications here use. */
declare module "multer" {
  import type { RequestHandler } from "express";

  interface Multer {
    single(field: string): RequestHandler;
  }
  function multer(options: { storage: unknown }): Multer;
  namespace multer {
    function memoryStorage(): unknown;
  }
  export default multer;
}

declare module "formidable" {
  import type { IncomingMessage } from "node:http";

  interface SavedFile {
    readonly filepath: string;
    readonly originalFilename: string;
  }
  type Parsed = [Record<string, string[] | undefined>, Record<string, SavedFile[] | undefined>];
  export default function formidable(options: { uploadDir: string }): {
    parse(request: IncomingMessage): Promise<Parsed>;
  };
}
