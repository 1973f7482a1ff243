import { spawnSync } from "node:child_process";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

/*
 * The host agent as one file. Bun comes as a package, so the build needs no network; what it would
 * load from the folder it is started in (bunfig.toml, .env, package.json, tsconfig.json) is
 * compiled out, because the agent runs as root. Everything below is signed with Ed25519:
 * `release.sig` is over the bytes of `release.json`, which holds the SHA-256 of the program.
 *
 * The key is a developer's, made on first use and kept outside the repository, unless
 * SKINK_RELEASE_KEY names a file with a private key in PEM.
 */

export interface AgentRelease {
  readonly version: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly protocol: number;
  /** whose key signed: a console of a real release refuses "developer" */
  readonly signedBy: "release" | "developer";
}

const bunPackage = "node_modules/@oven/bun-linux-x64-baseline";
const sources = ["host-agent/core", "host-agent/contract", "host-agent/daemon"];
const entry = "host-agent/daemon/entry.ts";
const compileFlags = [
  "--compile",
  "--target=bun-linux-x64-baseline",
  "--no-compile-autoload-bunfig",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-tsconfig",
  "--no-compile-autoload-package-json",
  "--minify",
];

/** Builds `dist/agent` when it is not what the sources are; returns what is there. */
export function ensureAgent(root: string, tell: (sentence: string) => void): AgentRelease {
  const target = path.join(root, "dist", "agent");
  const version = versionOf(root);
  const key = signingKey(root);
  const present = readRelease(target);
  if (present?.version === version && present.signedBy === key.signedBy) return present;
  if (!existsSync(path.join(root, bunPackage, "bin/bun"))) {
    throw new Error(`${bunPackage} is not installed: npm has it for Linux on x64 only.`);
  }
  tell(`Building agent ${version} ...`);
  mkdirSync(path.join(root, "dist"), { recursive: true });
  // A folder of its own, so that two builds at once do not write into each other's.
  const fresh = mkdtempSync(path.join(root, "dist", "agent.new-"));
  try {
    const release = compile(root, fresh, { version, key });
    const old = `${fresh}.old`;
    if (existsSync(target)) renameSync(target, old);
    renameSync(fresh, target);
    rmSync(old, { recursive: true, force: true });
    return release;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

interface SigningKey {
  readonly pem: string;
  readonly signedBy: AgentRelease["signedBy"];
}

function compile(
  root: string,
  folder: string,
  with_: { version: string; key: SigningKey },
): AgentRelease {
  const { version, key } = with_;
  const bun = path.join(root, bunPackage, "bin/bun");
  const program = path.join(folder, "skink");
  const args = [
    "build",
    entry,
    ...compileFlags,
    `--compile-executable-path=${bun}`,
    "--define",
    `SKINK_AGENT_VERSION=${JSON.stringify(version)}`,
    `--outfile=${program}`,
  ];
  const ran = spawnSync(bun, args, { cwd: root, encoding: "utf8", timeout: 120_000 });
  if (ran.status !== 0) throw new Error(`Bun could not compile the agent: ${ran.stderr}`);
  const bytes = readFileSync(program);
  const protocol = protocolOf(root);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const { signedBy, pem } = key;
  const release = { version, sha256, bytes: bytes.length, protocol, signedBy };
  const text = `${JSON.stringify(release, null, 2)}\n`;
  writeFileSync(path.join(folder, "release.json"), text);
  const signature = sign(null, Buffer.from(text), createPrivateKey(pem)).toString("base64");
  writeFileSync(path.join(folder, "release.sig"), `${signature}\n`);
  const publicPem = createPublicKey(pem).export({ type: "spki", format: "pem" });
  writeFileSync(path.join(folder, "release-key.pem"), publicPem);
  return release;
}

function signingKey(root: string): SigningKey {
  const named = process.env["SKINK_RELEASE_KEY"];
  if (named !== undefined && named !== "") {
    return { pem: readFileSync(named, "utf8"), signedBy: "release" };
  }
  const file = path.join(root, "node_modules/.cache/skink/developer-key.pem");
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync("ed25519");
    mkdirSync(path.dirname(file), { recursive: true });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    writeFileSync(file, pem, { mode: 0o600 });
  }
  return { pem: readFileSync(file, "utf8"), signedBy: "developer" };
}

/** `0.1.0+<first eight of a SHA-256>` over the sources, how they are compiled, and by which Bun. */
function versionOf(root: string): string {
  const hash = createHash("sha256").update(JSON.stringify(compileFlags));
  for (const name of ["bun", "zod"] as const) hash.update(packageVersion(root, name));
  for (const file of sources.flatMap((folder) => filesOf(path.join(root, folder)))) {
    const content = createHash("sha256").update(readFileSync(file)).digest("hex");
    hash.update(`${path.relative(root, file)} ${content}\n`);
  }
  const { version } = readJson(path.join(root, "package.json")) as { version: string };
  return `${version}+${hash.digest("hex").slice(0, 8)}`;
}

function packageVersion(root: string, name: "bun" | "zod"): string {
  const folder = name === "bun" ? bunPackage : "node_modules/zod";
  return (readJson(path.join(root, folder, "package.json")) as { version: string }).version;
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile() && each.name.endsWith(".ts") && !each.name.endsWith(".test.ts"))
    .map((each) => path.join(each.parentPath, each.name))
    .toSorted();
}

function protocolOf(root: string): number {
  const text = readFileSync(path.join(root, "host-agent/daemon/version.ts"), "utf8");
  const found = /protocolVersion = (\d+)/.exec(text)?.[1];
  if (found === undefined) throw new Error("host-agent/daemon/version.ts names no protocol.");
  return Number(found);
}

function readRelease(folder: string): AgentRelease | null {
  try {
    return readJson(path.join(folder, "release.json")) as AgentRelease;
  } catch {
    // Not built yet, or not to the end.
    return null;
  }
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}
