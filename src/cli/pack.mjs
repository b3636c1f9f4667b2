/**
 * Makes dist/fcgi-pm.cjs and dist/rest.cjs of the command's source. The first has what a manager needs, and whoever asks one;
 * the second, read when one of its parts is first called for, everything else. So a manager does not keep in memory how to
 * import a configuration, and starts sooner. Both are made of the same parts, so that each module exists once. The second is
 * opened together with the first: a manager goes on with its own version when another one is installed meanwhile.
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build, transform } from "esbuild";

/** Modules that are there from the start, with all that they import; others come with the second file. */
const needed = [
  "src/cli/main.ts",
  "src/cli/start.ts",
  "src/os/log.ts",
  "src/manager/control-room.ts",
  "src/manager/farewell.ts",
  "node_modules/smol-toml/dist/index.js",
  "src/cli/check.ts",
  "src/cli/complete.ts",
  "src/cli/env.ts",
  "src/cli/logs.ts",
  "src/cli/order.ts",
  "src/cli/ready.ts",
  "src/cli/signal.ts",
  "src/cli/status.ts",
  "src/cli/unit-lag.ts",
];

const target = { platform: "node", target: "node20", charset: "ascii", logLevel: "warning" };
const directory = "dist";

/** Part by part, as ECMAScript modules: esbuild splits nothing else. */
const { outputFiles, metafile } = await build({
  ...target,
  entryPoints: ["src/cli/main.ts"],
  outdir: directory,
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  sourcemap: "inline",
  metafile: true,
  write: false,
  external: ["koffi"],
  define: { "import.meta.url": "__bundleUrl" },
});

/** The parts that have to be there when one of them is. */
function withImports(names) {
  const found = new Set(names);
  for (const name of found)
    for (const { path, kind } of metafile.outputs[name].imports)
      if (kind === "import-statement" && path in metafile.outputs) found.add(path);
  return found;
}

function partOf(module) {
  const [name] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === module) ?? [];
  if (name === undefined) throw new Error(`${module} is no part of the bundle: mend the list in src/cli/pack.mjs`);
  return name;
}

/** A source map of sections says where each part begins (ECMA-426). */
async function pack(file, names, head, foot) {
  const parts = outputFiles.filter(({ path }) => names.has(join(directory, basename(path))));
  const lines = [head];
  const sections = [];
  for (const { path, text } of parts) {
    const form = { format: "cjs", minifyWhitespace: true, supported: { "dynamic-import": false } };
    const options = { ...target, ...form, sourcemap: "external", sourcefile: basename(path) };
    const { code, map } = await transform(text, options);
    const [opening, closing] = [`"./${basename(path)}":(module,exports,require)=>{`, "},"];
    sections.push({ offset: { line: lines.length, column: opening.length }, map: JSON.parse(map) });
    lines.push(...`${opening}${code.trimEnd()}${closing}`.split("\n"));
  }
  lines.push(foot, `//# sourceMappingURL=${file}.map`, "");
  replace(file, lines.join("\n"));
  replace(`${file}.map`, JSON.stringify({ version: 3, file, sections }));
}

/** Whoever has the old file open keeps it. */
function replace(file, text) {
  writeFileSync(join(directory, `${file}.new`), text);
  renameSync(join(directory, `${file}.new`), join(directory, file));
}

const first = withImports(needed.map(partOf));
const rest = new Set(Object.keys(metafile.outputs).filter((name) => !first.has(name)));
const url = "const __bundleUrl=require('node:url').pathToFileURL(__filename).href;";
/** Parts name each other by "./"; whatever else is asked for is Node's, or a package. */
const loader = `const loaded={__proto__:null},fs=require("node:fs"),path=__dirname+"/rest.cjs",rest=fs.openSync(path);
function loadRest(){
const script=new (require("node:vm").Script)(fs.readFileSync(rest,"utf8"),{filename:path});
fs.closeSync(rest);
Object.assign(parts,script.runInThisContext()(__bundleUrl));
}
function load(name){
if(!name.startsWith("./"))return require(name);
if(name in loaded)return loaded[name].exports;
if(!(name in parts))loadRest();
if(!(name in parts))throw new Error("the files in "+__dirname+" are of two versions: install fcgi-pm anew");
const part=loaded[name]={exports:{}};
parts[name](part,part.exports,load);
return part.exports;
}`;
mkdirSync(directory, { recursive: true });
// The wrapper is CommonJS's own, put here so that bin/fcgi-pm.js has one text to compile, and no copy of it.
const wrapper = "(function(exports,require,module,__filename,__dirname){";
await pack("fcgi-pm.cjs", first, `${wrapper}${url}const parts={__proto__:null,`, `};${loader}load("./main.js");})`);
await pack("rest.cjs", rest, "((__bundleUrl)=>({__proto__:null,", "}))");
