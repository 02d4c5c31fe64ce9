import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const HERE = import.meta.dirname;
const OTHERS = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The digest of all sources: tests/page/test_built_page.py computes it again, without Node.js. */
function digest(): string {
  const names = [...OTHERS, ...filesBelow(join(HERE, "src")).map((file) => relative(HERE, file).split(sep).join("/"))].sort();
  const hash = createHash("sha256");
  for (const name of names) hash.update(`${name}\0`).update(createHash("sha256").update(readFileSync(join(HERE, name))).digest());
  return hash.digest("hex");
}

/** Writes what the files were built from, and the licences of the packages inside them. */
function told(): Plugin {
  const packages = new Set<string>();
  let out = "";
  return {
    name: "told",
    apply: "build",
    configResolved(config) {
      out = resolve(HERE, config.build.outDir);
    },
    moduleParsed({ id }) {
      const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id);
      if (found) packages.add(found[1]);
    },
    closeBundle() {
      packages.add("@fontsource-variable/inter");
      const texts = [...packages].sort().map((name) => {
        const folder = join(HERE, "node_modules", name);
        const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string; license: string };
        const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
        return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), "utf8").trim() : "No text of the licence came with it."}\n`;
      });
      writeFileSync(join(out, "licences.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));
      const built = filesBelow(out).filter((file) => !file.endsWith("built.json")).sort();
      const digests = Object.fromEntries(built.map((file) => [relative(out, file).split(sep).join("/"), createHash("sha256").update(readFileSync(file)).digest("hex")]));
      writeFileSync(join(out, "built.json"), `${JSON.stringify({ sources: digest(), files: digests }, null, 1)}\n`);
    },
  };
}

export default defineConfig({
  base: "/",
  plugins: [react(), told()],
  build: { outDir: process.env.PAGE_OUT ?? "../static", emptyOutDir: true, target: "es2022", sourcemap: false, modulePreload: false, chunkSizeWarningLimit: 1000 },
});
