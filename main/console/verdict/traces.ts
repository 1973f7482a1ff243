import type { PoolRecords } from "../pool-session.ts";
import { listOf, mapOf, nameOf, poolOf, textOf } from "./read.ts";

const defaultReplicaAddress = "10.10.10.3";

/**
 * Signs of replicated storage whose state the console does not read yet. One sentence per trace; a
 * sign is enough, because a wrong "nothing there" would paint a resync safe.
 */
export function replicationTraces(records: PoolRecords): string[] {
  const traces: string[] = [];
  for (const [ref, sr] of records.all("SR")) {
    const type = textOf(sr, "type").toLowerCase();
    const described = `${nameOf(sr)} ${textOf(sr, "name_description")}`;
    if (type === "linstor") traces.push(`Storage “${nameOf(sr)}” is XOSTOR (LINSTOR).`);
    else if (/\b(drbd|iscsi-ha)/iu.test(described)) {
      traces.push(`Storage “${nameOf(sr)}” names DRBD or iSCSI-HA.`);
    } else if (isReplicaTarget(records, ref)) {
      traces.push(`Storage “${nameOf(sr)}” is served from an address that iSCSI-HA uses.`);
    }
  }
  const pool = poolOf(records);
  for (const key of Object.keys(mapOf(pool?.record, "other_config"))) {
    if (/^(MANUAL_MODE|DRBD|ISCSI_HA|ISCSI_TARGET|linstor|xostor)/iu.test(key)) {
      traces.push(`The pool carries the setting “${key}” of a storage replication.`);
    }
  }
  for (const [, host] of records.all("host")) {
    const keys = Object.keys(mapOf(host, "other_config"));
    if (listOf(host, "tags").some((tag) => /drbd|linstor/iu.test(tag))) {
      traces.push(`Host “${nameOf(host)}” is tagged as a storage replica.`);
    } else if (keys.some((key) => /drbd|linstor|iscsi.?ha/iu.test(key))) {
      traces.push(`Host “${nameOf(host)}” carries a setting of a storage replication.`);
    }
  }
  return traces;
}

function isReplicaTarget(records: PoolRecords, srRef: string): boolean {
  const sr = records.get("SR", srRef);
  for (const ref of listOf(sr, "PBDs")) {
    const config = mapOf(records.get("PBD", ref), "device_config");
    const target = config["target"] ?? "";
    const iqn = config["targetIQN"] ?? "";
    if (/drbd|halizard|iscsi-ha/iu.test(iqn)) return true;
    if (target.split(/[:,]/u)[0] === defaultReplicaAddress) return true;
  }
  return false;
}

export interface HaLizardTrace {
  readonly configured: boolean;
  readonly enabled: boolean;
}

const haLizardSwitch = "XenCenter.CustomFields.ha-lizard-enabled";

/** HA-Lizard keeps its switch and settings in the pool's other_config. */
export function haLizardTrace(records: PoolRecords): HaLizardTrace {
  const config = mapOf(poolOf(records)?.record, "other_config");
  const enabled = (config[haLizardSwitch] ?? "").trim().toLowerCase() === "true";
  const configured =
    haLizardSwitch in config ||
    "autopromote_uuid" in config ||
    Object.keys(config).some((key) => /^HA_[A-Z]/u.test(key));
  return { configured, enabled };
}
