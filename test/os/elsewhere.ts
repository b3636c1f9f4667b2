/** A piece of TypeScript as a process of its own, for what would hold for the whole test otherwise: rights, limits. */
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { buildSync } from "esbuild";

const root = resolve(import.meta.dirname, "../..");

export interface Elsewhere {
  readonly argument?: string;
  /** Without root's rights, where the test has them. */
  readonly asNobody?: boolean;
}

/** Runs the text, with imports that start at the root of the repository; gives what it prints. */
export function runElsewhere(text: string, { argument = "", asNobody = false }: Elsewhere): string {
  const { outputFiles } = buildSync({
    stdin: { contents: text, resolveDir: root, loader: "ts" },
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(process.cwd() + '/');" },
    logLevel: "warning",
  });
  const node = [process.execPath, "--input-type=module", "-", argument];
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const [command = "", ...args] = asNobody && process.getuid?.() === 0 ? [...nobody, ...node] : node;
  return execFileSync(command, args, { input: outputFiles[0]?.text ?? "", encoding: "utf8", cwd: "/" });
}
