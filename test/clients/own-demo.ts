/** Starts the two-host demo in a process of its own, says where it is, and waits to be killed. */
import { startDemoPool } from "../../main/demo/demo-pool.ts";

const workDir = process.argv[2];
if (workDir === undefined) throw new Error("usage: own-demo.ts FOLDER");
const pool = await startDemoPool({ preset: "two", timing: "fast", workDir });
process.stdout.write(`${JSON.stringify({ folder: pool.folder, hosts: pool.hosts })}\n`);
setInterval(() => {}, 60_000);
