/** Builds a Dockerfile without an engine: each instruction is done, in its order, to a root directory of container.ts. */
import { dirname, join } from "node:path";
import type { Engine, Image } from "./container.ts";
import { type Instruction, instructionsOf, keyValues, substitute, wordsOf } from "./dockerfile.ts";

/** What has come so far: the stages by their names, the last one, which is under construction, and arguments. */
interface Building {
  readonly engine: Engine;
  readonly context: string;
  readonly stages: Map<string, Image>;
  readonly args: Record<string, string>;
  image: Image | undefined;
}

type Obey = (image: Image, instruction: Instruction, building: Building) => Image | Promise<Image>;

/** What Node and npm of this machine are: the image of an app has none of it. */
const nodes = [dirname(process.execPath), "/usr/bin", "/usr/local/bin"]
  .flatMap((bin) => ["node", "npm", "npx", "fcgi-pm", "../lib/node_modules"].map((name) => join(bin, name)))
  .join(" ");

/** Gives the last stage. Throws what an instruction wrote when it failed. */
export async function dockerBuild(engine: Engine, dockerfile: string, context: string): Promise<Image> {
  const building: Building = { engine, context, stages: new Map(), args: {}, image: undefined };
  for (const instruction of instructionsOf(dockerfile)) await take(instruction, building);
  return built(building, "the end");
}

function built({ image }: Building, where: string): Image {
  if (image === undefined) throw new Error(`There is no FROM before ${where}`);
  return image;
}

async function take(instruction: Instruction, building: Building): Promise<void> {
  const { keyword, rest } = instruction;
  if (keyword === "ARG") Object.assign(building.args, keyValues(rest));
  else if (keyword === "FROM") await begin(substitute(rest, building.args), building);
  else {
    const obey = instructions[keyword];
    if (obey === undefined) throw new Error(`Nobody here knows what ${keyword} does`);
    building.image = await obey(built(building, keyword), instruction, building);
    for (const [name, { root }] of building.stages) {
      if (root === building.image.root) building.stages.set(name, building.image);
    }
  }
}

/** What the base image would have, and would not have. */
async function begin(words: string, building: Building): Promise<void> {
  const [name = "", , stage] = words.split(/\s+/);
  const image = await building.engine.machine();
  const { root } = image;
  if (name.startsWith("node:")) await building.engine.shell(`cp -L ${process.execPath} ${root}/usr/local/bin/node`);
  else await building.engine.shell(`chroot ${root} rm -rf ${nodes}`);
  building.image = image;
  if (stage !== undefined) building.stages.set(stage, image);
}

const instructions: Readonly<Record<string, Obey>> = {
  RUN: async (image, { rest }, { engine }) => {
    await engine.shellIn(image, rest);
    return image;
  },
  COPY: copy,
  ENV: (image, { rest }) => ({ ...image, env: { ...image.env, ...keyValues(rest) } }),
  WORKDIR: async (image, { rest }, { engine }) => {
    await engine.shell(`mkdir -p ${image.root}${rest}`);
    return { ...image, cwd: rest };
  },
  USER: (image, { rest }) => ({ ...image, user: rest }),
  ENTRYPOINT: (image, { json = [] }) => ({ ...image, entrypoint: json }),
  CMD: (image, { json = [] }) => ({ ...image, command: json }),
  HEALTHCHECK: (image, { rest }) => ({ ...image, healthcheck: wordsOf(rest.replace(/^.*? CMD /, "")) }),
  STOPSIGNAL: (image, { rest }) => ({ ...image, stopSignal: rest as NodeJS.Signals }),
};

/** Of a directory its files are copied, not itself; what ends in a slash is a directory. */
async function copy(image: Image, { rest }: Instruction, { engine, context, stages }: Building): Promise<Image> {
  const words = rest.split(/\s+/);
  const stage = /^--from=(.+)$/.exec(words[0] ?? "")?.[1];
  const base = stage === undefined ? context : stages.get(stage)?.root;
  if (base === undefined) throw new Error(`There is no stage ${stage} to copy from`);
  const sources = words.slice(stage === undefined ? 0 : 1, -1);
  const target = words.at(-1) ?? "";
  const to = `${image.root}${target.startsWith("/") ? target : join(image.cwd, target)}`;
  for (const source of sources) await engine.shell(copying(join(base, source).replace(/\/$/, ""), to));
  return image;
}

/** `from` may be a pattern. */
function copying(from: string, to: string): string {
  const [directory, parent] = [to.replace(/\/$/, ""), to.replace(/\/[^/]*$/, "")];
  return `for one in ${from}; do
    if [ -d "$one" ]; then mkdir -p "${directory}"; cp -a --no-preserve=ownership "$one/." "${directory}"
    else mkdir -p "${parent}"; cp --preserve=mode "$one" "${to}"; fi
  done`;
}
