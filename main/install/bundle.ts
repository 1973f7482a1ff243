import { createHash, createPublicKey, verify } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { z } from "zod";
import type { AgentBundle } from "../contract/install.ts";

/*
 * The agent that ships with the console: `skink`, `release.json` and `release.sig` in one folder. What
 * is not signed by the key this console knows, or is not the file that was signed, is never sent.
 */

export interface BundleSource {
  readonly folder: string;
  /** Ed25519, PEM (SPKI) */
  readonly publicKeyPem: string;
}

/** A release that was verified; the only thing the roll-out takes. */
export interface Release {
  readonly version: string;
  readonly sha256: string;
  readonly bytes: number;
  /** compressed once, for all hosts */
  readonly packed: Buffer;
}

export type OpenedBundle =
  | { readonly state: "good"; readonly release: Release }
  | { readonly state: "absent"; readonly sentence: string }
  | { readonly state: "refused"; readonly sentence: string };

const releaseSchema = z.object({
  version: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/u),
  sha256: z.string().regex(/^[0-9a-f]{64}$/u),
  bytes: z.number().int().positive(),
});

const signatureBytes = 64;
const pack = promisify(gzip);

export async function openBundle(source: BundleSource | null): Promise<OpenedBundle> {
  if (source === null) return { state: "absent", sentence: "This console ships without an agent." };
  const [text, signature, program] = await Promise.all(
    ["release.json", "release.sig", "skink"].map((name) =>
      readFile(join(source.folder, name)).catch(() => null),
    ),
  );
  if (text === null || signature === null || program === null) {
    return { state: "absent", sentence: "The agent that ships with this console is not built." };
  }
  if (!isSigned(source.publicKeyPem, text as Buffer, signature as Buffer)) {
    return refused("The signature of the agent's release is not of the key this console knows.");
  }
  const parsed = releaseSchema.safeParse(parseJson((text as Buffer).toString("utf8")));
  if (!parsed.success) return refused("The agent's release is signed, but cannot be read.");
  const { version, sha256, bytes } = parsed.data;
  const file = program as Buffer;
  if (file.length !== bytes) {
    return refused(`The agent's file has ${file.length} bytes; ${bytes} were signed.`);
  }
  const found = createHash("sha256").update(file).digest("hex");
  if (found !== sha256) return refused("The agent's file is not the one that was signed.");
  const packed = await pack(file, { level: 6 });
  return { state: "good", release: { version, sha256, bytes, packed } };
}

export function describeBundle(opened: OpenedBundle): AgentBundle {
  if (opened.state !== "good") {
    return {
      state: opened.state,
      version: null,
      sha256: null,
      bytes: null,
      sentence: opened.sentence,
    };
  }
  const { version, sha256, bytes } = opened.release;
  const sentence = `Agent ${version}, signature and SHA-256 verified.`;
  return { state: "good", version, sha256, bytes, sentence };
}

/** The signature as 64 bytes, or as base64 or hex text of them. */
function isSigned(publicKeyPem: string, text: Buffer, signature: Buffer): boolean {
  const raw = decoded(signature);
  if (raw === null) return false;
  try {
    const key = createPublicKey(publicKeyPem);
    return key.asymmetricKeyType === "ed25519" && verify(null, text, key, raw);
  } catch {
    // A key or signature that cannot be read signs nothing.
    return false;
  }
}

function decoded(signature: Buffer): Buffer | null {
  if (signature.length === signatureBytes) return signature;
  const text = signature.toString("ascii").trim();
  const raw = /^[0-9a-f]{128}$/iu.test(text)
    ? Buffer.from(text, "hex")
    : Buffer.from(text, "base64");
  return raw.length === signatureBytes ? raw : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refused(sentence: string): OpenedBundle {
  return { state: "refused", sentence: `${sentence} It is not sent to any host.` };
}
