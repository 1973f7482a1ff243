/**
 * Writes the disks of a lab's hosts as far as XAPI goes. One JSON order on standard input, the
 * hosts' names and identifiers on standard output; no secret on either.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { PresetName } from "../../host-agent/virtual-xapi/presets/preset.ts";
import { buildPreset, presetHostNames } from "../../host-agent/virtual-xapi/presets/presets.ts";
import { fingerprintOf, makeCertificate } from "../../host-agent/xapi-host/certificate.ts";
import { writeHostFolders } from "../../main/demo/work-folder.ts";
import { firstBootFile } from "./host-paths.ts";

interface Order {
  readonly folder: string;
  readonly passwordFile: string;
  readonly timing: "real" | "fast";
  /** management addresses, the coordinator's first */
  readonly addresses: readonly string[];
}

const presetOf: Readonly<Record<number, PresetName>> = { 2: "two", 3: "three", 4: "four" };

async function makePool(order: Order): Promise<void> {
  const name = presetOf[order.addresses.length];
  if (name === undefined) throw new Error("a lab has two to four hosts");
  const names = presetHostNames(name);
  const identities = await Promise.all(
    order.addresses.map(async (address, index) => ({
      place: {
        address,
        xapi: { host: address, port: 443 },
        ssh: { host: address, port: 22 },
        storageAddress: null,
      },
      certificate: await makeCertificate(names[index] ?? "", [address]),
    })),
  );
  const preset = buildPreset(name, {
    dice: { uuid: () => randomUUID(), fraction: () => Math.random() },
    nowMs: Date.now(),
    places: identities.map(({ place, certificate }) => ({
      address: place.address,
      certificateFingerprint: fingerprintOf(certificate.certificatePem),
    })),
  });
  const folders = writeHostFolders(order.folder, preset, {
    hosts: identities,
    secrets: {
      rootPassword: readFileSync(order.passwordFile, "utf8").trim(),
      poolSecret: randomBytes(24).toString("hex"),
    },
    timing: order.timing,
  });
  for (const folder of folders) writeFileSync(join(folder, firstBootFile), "");
  const domains = Object.entries(preset.tables["VM"] ?? {});
  const hosts = preset.hosts.map((host) => {
    const ref = String(preset.tables["host"]?.[host.ref]?.["control_domain"] ?? "");
    const controlDomain = domains.find(([each]) => each === ref)?.[1];
    return {
      name: host.name,
      uuid: host.uuid,
      controlDomainUuid: String(controlDomain?.["uuid"] ?? ""),
    };
  });
  process.stdout.write(JSON.stringify(hosts));
}

await makePool(JSON.parse(await text(process.stdin)) as Order);
