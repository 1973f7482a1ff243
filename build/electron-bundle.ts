import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build, type InlineConfig } from "vite";
import type { BuiltPart } from "./stale.ts";

/** Loaded by name at run time only where it exists; a bundle must not insist on them. */
const leftOutside = ["electron", "cpu-features", /sshcrypto\.node$/, /^node:/];

/** Packages of the older kind look for files beside themselves under these names. */
const namesOfOldModules =
  "const __dirname = import.meta.dirname; const __filename = import.meta.filename;";

interface Bundle {
  readonly input: Readonly<Record<string, string>>;
  readonly outDir: string;
  readonly format: "es" | "cjs";
  readonly extension: "mjs" | "cjs";
}

/**
 * The desktop program: Electron's main script, the preload script (CommonJS, because a sandboxed
 * one cannot be a module), the demo's own programs, which plain Node runs, and the window's files.
 */
export function electronPart(root: string): BuiltPart {
  return {
    name: "electron",
    inputs: ["main", "host-agent", "build/electron-bundle.ts", "package-lock.json", "renderer"],
    build: async (folder) => {
      const source = (file: string) => path.join(root, file);
      const main: Bundle = {
        input: { main: source("main/shells/electron-main.ts") },
        outDir: folder,
        format: "es",
        extension: "mjs",
      };
      const preload: Bundle = {
        input: { preload: source("main/shells/electron-preload.ts") },
        outDir: folder,
        format: "cjs",
        extension: "cjs",
      };
      const demo: Bundle = {
        input: {
          "xapi-host": source("host-agent/xapi-host/main.ts"),
          undertaker: source("main/demo/undertaker.ts"),
        },
        outDir: path.join(folder, "demo"),
        format: "es",
        extension: "mjs",
      };
      for (const bundle of [main, preload, demo]) await build(settingsOf(root, bundle));
      cpSync(path.join(root, "dist", "renderer"), path.join(folder, "renderer"), {
        recursive: true,
      });
      writeFileSync(path.join(folder, "package.json"), manifest(root));
    },
  };
}

function settingsOf(root: string, bundle: Bundle): InlineConfig {
  return {
    root,
    configFile: false,
    logLevel: "warn",
    publicDir: false,
    ssr: { noExternal: true, target: "node" },
    build: {
      ssr: true,
      target: "node24",
      outDir: bundle.outDir,
      emptyOutDir: false,
      minify: false,
      rolldownOptions: {
        input: { ...bundle.input },
        external: [...leftOutside],
        output: {
          format: bundle.format,
          entryFileNames: `[name].${bundle.extension}`,
          chunkFileNames: `[name]-[hash].${bundle.extension}`,
          banner: bundle.format === "es" ? namesOfOldModules : "",
        },
      },
    },
  };
}

/** Electron reads its entry from here; the bundles need no packages beside them. */
function manifest(root: string): string {
  const { name, version, description, license } = JSON.parse(
    readFileSync(path.join(root, "package.json"), "utf8"),
  ) as Record<string, string>;
  const own = { name, version, description, license, type: "module", main: "main.mjs" };
  return `${JSON.stringify(own, null, 2)}\n`;
}
