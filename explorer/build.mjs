/**
 * Bundles the explorer into the folder given as argument: hashed scripts and styles, `manifest.json`, `LICENSES.txt`.
 * The same lock file and sources give the same bytes.
 */

import { build } from "esbuild";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { licencesOf } from "./licences.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const outdir = resolve(process.argv[2] ?? resolve(here, "dist"));

const shared = {
  absWorkingDir: here,
  outdir,
  bundle: true,
  minify: true,
  metafile: true,
  format: "esm",
  entryNames: "[name]-[hash]",
  jsx: "automatic",
  // Whether esbuild finds tsconfig.json for a stand-in depends on which importer it meets first: it reads none.
  tsconfigRaw: "{}",
  loader: { ".svg": "copy" },
  target: ["chrome115", "firefox128", "safari17.4"],
  define: { "process.env.NODE_ENV": '"production"' },
  // The notices of all packages together are in LICENSES.txt.
  legalComments: "none",
  banner: { js: "/*! Licences of what is bundled here: LICENSES.txt */" },
  logLevel: "warning",
};

/** Modules of packages that ours stand in for; a path that no longer exists fails the build. */
const STAND_INS = [
  [/(^|\/)monaco-editor\/esm\/vs\/editor\/edcore\.main\.js$/, "monaco-graphql", "src/monaco.ts"],
  [/\/utility\/markdown\.js$/, "@graphiql/react", "src/markdown.ts"],
  [/\/(utility\/)?jsonc\.js$/, "@graphiql/react", "src/jsonc.ts"],
];

function standIns() {
  const used = new Set();
  return {
    name: "stand-ins",
    setup({ onResolve, onLoad, onEnd }) {
      for (const [filter, importer, ours] of STAND_INS) {
        onResolve({ filter }, (args) => {
          if (!args.importer.includes(`node_modules/${importer}/`)) {
            return undefined;
          }
          used.add(ours);
          return { path: resolve(here, ours) };
        });
      }
      // GraphiQL's style sheet, which the page loads, holds Monaco's too.
      onLoad({ filter: /node_modules\/monaco-editor\/.*\.css$/ }, () => ({ contents: "", loader: "empty" }));
      onEnd(() => ({
        errors: STAND_INS.filter(([, , ours]) => !used.has(ours)).map(([, , ours]) => ({
          text: `nothing imported what ${ours} stands in for`,
        })),
      }));
    },
  };
}

/** GraphiQL's style sheet embeds text fonts, which the page does not use. */
const styles = {
  name: "styles",
  setup({ onLoad }) {
    onLoad({ filter: /node_modules\/graphiql\/dist\/style\.css$/ }, async ({ path }) => ({
      contents: withoutTextFonts(await readFile(path, "utf8")),
      loader: "css",
    }));
  },
};

function withoutTextFonts(css) {
  const kept = css.replace(/@font-face\s*\{[^}]*\}/g, (rule) => (/font-family:\s*codicon/.test(rule) ? rule : ""));
  if (kept.length === css.length) {
    throw new Error("graphiql/style.css holds no text fonts any more: this step can go");
  }
  return kept;
}

/** The worker's own formatter is never asked: GraphiQL formats in the page, and Monaco's command for it is left out. */
const noFormatter = {
  name: "no formatter",
  setup({ onLoad }) {
    onLoad({ filter: /node_modules\/prettier\// }, () => ({ contents: "", loader: "js" }));
  },
};

/** Three scripts, each loaded by the one after it: background thread, GraphiQL, page. */
async function main() {
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
  const worker = await bundle("src/worker.ts", { format: "iife", plugins: [noFormatter] });
  const workbench = await bundle("src/workbench.tsx", {
    define: { ...shared.define, WORKER_FILE: JSON.stringify(worker.files.get(".js")) },
    plugins: [standIns()],
  });
  const page = await bundle("src/explorer.tsx", {
    define: { ...shared.define, WORKBENCH_FILE: JSON.stringify(workbench.files.get(".js")) },
    plugins: [styles],
  });
  const icon = await bundle("src/icon.svg", { banner: {} });
  const manifest = {
    script: page.files.get(".js"),
    style: page.files.get(".css"),
    icon: icon.files.get(".svg"),
  };
  const notices = await licencesOf(here, [worker.metafile, workbench.metafile, page.metafile]);
  await writeFile(resolve(outdir, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  await writeFile(resolve(outdir, "LICENSES.txt"), notices);
}

/** Bundles one entry point; `files` are the names it got, by suffix. */
async function bundle(entryPoint, options) {
  const { metafile } = await build({ ...shared, ...options, entryPoints: [entryPoint] });
  const written = Object.keys(metafile.outputs).map((path) => [extname(path), basename(path)]);
  return { metafile, files: new Map(written) };
}

await main();
