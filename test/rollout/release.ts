import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BundleSource } from "../../main/install/bundle.ts";

/*
 * The agent's own code as a signed release that Node runs: the same verbs and daemon as the
 * compiled program, a hundredth of its size, so that every fault can be tried at every phase.
 */
const repository = join(import.meta.dirname, "../..");
const weightBytes = 3_000_000;
const keys = generateKeyPairSync("ed25519");

/** `isIll`: a signed release whose daemon ends at once. */
export function makeRelease(folder: string, version: string, isIll = false): BundleSource {
  mkdirSync(folder, { recursive: true });
  const bun = join(repository, "node_modules/@oven/bun-linux-x64-baseline/bin/bun");
  const script = join(folder, "agent.mjs");
  const args = ["build", "host-agent/daemon/entry.ts", "--target=node", "--minify"];
  const define = ["--define", `SKINK_AGENT_VERSION=${JSON.stringify(version)}`];
  const ran = spawnSync(bun, [...args, ...define, `--outfile=${script}`], {
    cwd: repository,
    encoding: "utf8",
  });
  if (ran.status !== 0) throw new Error(`the agent does not build: ${ran.stderr}`);
  // A program in one file: a shell line that hands the rest of itself to Node.
  const node = join(repository, "node_modules/.bin/node");
  const code = readFileSync(script, "utf8").replace(/^#!.*\n/u, "");
  const encoded = Buffer.from(code).toString("base64");
  const illness = isIll ? 'if (process.argv[2] === "daemon") process.exit(7); ' : "";
  const loader = `${illness}import("data:text/javascript;base64,${encoded}")`;
  // Weight that does not compress, so that an upload takes a while and can be cut in the middle.
  const weight = randomBytes(weightBytes).toString("base64");
  const program = Buffer.from(`#!${node}\n${loader};\n// ${weight}\n`);
  const sha256 = createHash("sha256").update(program).digest("hex");
  const text = Buffer.from(JSON.stringify({ version, sha256, bytes: program.length }));
  writeFileSync(join(folder, "skink"), program, { mode: 0o755 });
  writeFileSync(join(folder, "release.json"), text);
  writeFileSync(join(folder, "release.sig"), sign(null, text, keys.privateKey));
  const publicKeyPem = keys.publicKey.export({ type: "spki", format: "pem" });
  return { folder, publicKeyPem: String(publicKeyPem) };
}
