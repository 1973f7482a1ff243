import { spawnSync } from "node:child_process";
import { join } from "node:path";

/*
 * `npm run look`: pictures of every screen into dist/look. `-- --docs` also refreshes the three in
 * docs/pictures, `-- --screen vms --preset two` takes fewer. It drives the rooms, so its program
 * lives in test/look.
 */
const root = join(import.meta.dirname, "..");
const run = spawnSync(
  process.execPath,
  [join(root, "test/look/main.ts"), ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(run.status ?? 1);
