import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * The renderer's bundle. Both shells send a strict content security policy: no inline script, and
 * styles only with the nonce that they put in place of `SKINK-NONCE`, anew in every answer.
 */
// The one default export: Vite's command line reads no named one.
export default defineConfig({
  root: `${root}renderer/app`,
  base: "./",
  publicDir: false,
  cacheDir: `${root}node_modules/.cache/vite`,
  plugins: [react()],
  html: { cspNonce: "SKINK-NONCE" },
  build: {
    outDir: `${root}dist/renderer`,
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    reportCompressedSize: false,
  },
});
