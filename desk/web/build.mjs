// Bundles the pages' scripts into ../static/dist.
import { basename, resolve } from "node:path";
import { build } from "esbuild";

const OUT = "../static/dist";
/** One for each page or part of a page, in the order of the alphabet. */
const PAGES = [
  "bar", "board/page", "call", "callbacks", "calls", "check", "cries", "desk", "hooks", "leader", "lexicon", "lists", "look", "mailbox", "missed", "models", "quality/appeals",
  "quality/bar", "quality/coaching", "quality/draw", "quality/meeting", "quality/oversight", "quality/sampling",
  "review/example", "review/list", "review/page", "search", "settings", "tickets", "units", "walkin", "wallboard",
];
/** Kept on telephones for when there is no network: each is one file. */
const OFFLINE = ["field/page", "field/worker"];
/** Large, and fetched by the one page that draws it, once that page stands. Its worker is a file of its own, so that the
 *  content security policy need allow no blob. */
const MAP = [{ in: "src/board/map.js", out: "board/map" }, { in: "node_modules/maplibre-gl/dist/maplibre-gl-worker.mjs", out: "board/worker" }];

const common = {
  bundle: true, minify: true, format: "esm", target: ["chrome109", "firefox115", "safari16"], outdir: OUT, outbase: "src",
  legalComments: "linked", logLevel: "info",
};
/** What several scripts of a page need is one module in it: one live stream, one end of a session. Everything else that two
 *  pages share is small, and quicker copied than fetched. */
const SHARED = ["api", "dom", "i18n", "keyed", "live", "once", "onetab", "ringer", "session", "time"];
const entries = (names) => names.map((name) => `src/${name}.js`);

const { metafile } = await build({
  ...common, entryNames: "shared-[hash]", metafile: true,
  stdin: { contents: SHARED.map((name) => `export * from "./src/${name}.js";`).join("\n"), resolveDir: ".", sourcefile: "shared.js" },
});
// Its name tells its content, so that browsers may keep it for ever.
const address = `/static/dist/${basename(Object.keys(metafile.outputs).find((name) => name.endsWith(".js")))}`;
const own = new Set(SHARED.map((name) => resolve("src", `${name}.js`)));
const shared = {
  name: "shared",
  setup(build) {
    build.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) =>
      own.has(resolve(resolveDir, path)) ? { path: address, external: true } : undefined);
  },
};
await build({ ...common, entryPoints: entries(PAGES), plugins: [shared] });
await build({ ...common, entryPoints: entries(OFFLINE) });
await build({ ...common, entryPoints: MAP });
