import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeBundle, openBundle } from "./bundle.ts";

const keys = generateKeyPairSync("ed25519");
const publicKeyPem = keys.publicKey.export({ type: "spki", format: "pem" }) as string;
const program = Buffer.from("a program of some length\n".repeat(100));
let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skink-bundle-"));
  await put(program, keys.privateKey);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(file: Buffer, key: typeof keys.privateKey): Promise<void> {
  const sha256 = createHash("sha256").update(file).digest("hex");
  const text = Buffer.from(JSON.stringify({ version: "1.2.3", sha256, bytes: file.length }));
  await writeFile(join(folder, "skink"), file);
  await writeFile(join(folder, "release.json"), text);
  await writeFile(join(folder, "release.sig"), sign(null, text, key));
}

const state = async (): Promise<string> => (await openBundle({ folder, publicKeyPem })).state;

describe("the agent that ships with the console", () => {
  it("is taken when signed by the known key and complete", async () => {
    const opened = await openBundle({ folder, publicKeyPem });
    expect(describeBundle(opened)).toMatchObject({ state: "good", version: "1.2.3" });
  });

  it("is refused when another key signed it", async () => {
    await put(program, generateKeyPairSync("ed25519").privateKey);
    expect(await state()).toBe("refused");
  });

  it("is refused when the file is cut short, by its length", async () => {
    await writeFile(join(folder, "skink"), program.subarray(0, -1));
    const opened = await openBundle({ folder, publicKeyPem });
    expect(describeBundle(opened)).toMatchObject({ state: "refused", version: null });
    expect(describeBundle(opened).sentence).toMatch(/2499 bytes; 2500 were signed/u);
  });

  it("is refused when one bit of the file differs", async () => {
    const changed = Buffer.from(program);
    changed[7] = (changed[7] ?? 0) ^ 1;
    await writeFile(join(folder, "skink"), changed);
    expect(await state()).toBe("refused");
  });

  it("is refused when the release text was changed after it was signed", async () => {
    const text = JSON.stringify({ version: "9.9.9", sha256: "0".repeat(64), bytes: 1 });
    await writeFile(join(folder, "release.json"), text);
    expect(await state()).toBe("refused");
  });

  it("is absent when it was not built", async () => {
    await rm(join(folder, "skink"));
    expect(await state()).toBe("absent");
  });
});
