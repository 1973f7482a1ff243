import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { electronPart } from "./electron-bundle.ts";
import { type BuiltPart, ensureBuilt } from "./stale.ts";

/*
 * Builds what is stale before a command runs. The desktop part only where it can be shown: on a
 * server without a display it would cost seconds for nothing.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const tell = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

const renderer: BuiltPart = {
  name: "renderer",
  inputs: ["renderer", "main/contract", "build/vite.config.ts", "package-lock.json"],
  build: async (outDir) => {
    const configFile = `${root}build/vite.config.ts`;
    await build({ configFile, logLevel: "warn", build: { outDir, emptyOutDir: true } });
  },
};

await ensureBuilt(root, renderer, tell);
const hasDisplay = Boolean(process.env["DISPLAY"]) || Boolean(process.env["WAYLAND_DISPLAY"]);
const hasElectron = existsSync(`${root}node_modules/electron/path.txt`);
if (hasElectron || hasDisplay || process.platform !== "linux") {
  await ensureBuilt(root, electronPart(root), tell);
}
