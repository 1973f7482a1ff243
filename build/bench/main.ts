import { spawnSync } from "node:child_process";
import { join } from "node:path";

/*
 * `npm run bench -- NAME [--json]`. A bench drives the rooms from outside, so its program lives in
 * test/bench; this finds it and passes the rest of the command line on.
 */

const root = join(import.meta.dirname, "../..");

const benches: Readonly<Record<string, { file: string; what: string }>> = {
  inventory: {
    file: "test/bench/inventory.ts",
    what: "64 hosts and 5,000 VMs: login to painted table, event to pixel, memory, bundle",
  },
  agent: {
    file: "test/bench/agent.ts",
    what: "three agents at rest: CPU, memory, bytes on the network; --seconds N",
  },
  timeline: {
    file: "test/bench/timeline.ts",
    what: "100,000 entries panned and zoomed: time per frame",
  },
};

const [name = "", ...rest] = process.argv.slice(2);
const bench = benches[name];
if (bench === undefined) {
  const known = Object.entries(benches).map(([key, { what }]) => `  ${key.padEnd(12)}${what}`);
  console.error(`Usage: npm run bench -- NAME [--json]\n\n${known.join("\n")}`);
  process.exit(name === "--help" ? 0 : 2);
}
const run = spawnSync(process.execPath, [join(root, bench.file), ...rest], {
  cwd: root,
  stdio: "inherit",
});
process.exit(run.status ?? 1);
