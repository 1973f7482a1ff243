import { join } from "node:path";
import { fileURLToPath } from "node:url";

/*
 * The demo's own processes run on plain Node. From the sources that is the Node that runs this; the
 * desktop program is no Node (its fuses forbid that) and names one, with the folder of the bundles.
 */
const sources = {
  "xapi-host": "../../host-agent/xapi-host/main.ts",
  undertaker: "./undertaker.ts",
} as const;

export function demoProgram(name: keyof typeof sources): string {
  const bundles = process.env["SKINK_DEMO_PROGRAMS"];
  if (bundles !== undefined) return join(bundles, `${name}.mjs`);
  return fileURLToPath(new URL(sources[name], import.meta.url));
}

export function demoNode(): string {
  return process.env["SKINK_NODE"] ?? process.execPath;
}
