import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { findChromium } from "./chromium.ts";
import { whyImpossible } from "./lab/needs.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/**
 * Four kinds, one after another, so that the slow ones have both cores: rules beside their files,
 * what spans rooms (real processes and sockets), the stories in Chromium, and hosts in the lab.
 */
export default defineConfig({
  root,
  cacheDir: `${root}node_modules/.cache/vitest`,
  test: {
    passWithNoTests: false,
    teardownTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["{main,renderer,host-agent,build}/**/*.test.{ts,tsx}"],
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "spanning",
          include: ["test/**/*.test.{ts,tsx}"],
          exclude: ["test/e2e/**", "test/lab/**"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.{ts,tsx}"],
          // Without a browser they are left out, and the runner says so in a sentence.
          exclude: findChromium() === null ? ["**"] : [],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "lab",
          include: ["test/lab/**/*.test.ts"],
          // Needs root; the runner says in a sentence why it is left out.
          exclude: whyImpossible() === null ? [] : ["**"],
          testTimeout: 60_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
