/**
 * What every member does when it starts, coordinator or not: facts in, stray guests out, host
 * enabled.
 */
import type { CallContext } from "../call.ts";
import { refreshHost } from "../calls/host-rules.ts";
import { refreshVm } from "../calls/vm-rules.ts";
import { markHalted } from "../calls/vm-state.ts";
import type { XapiRecord, XapiValue } from "../value.ts";
import type { Life } from "./life.ts";

/** What a starting host tells the coordinator about itself. */
interface HostFacts {
  readonly address: string;
  readonly freshBoot: boolean;
  readonly bootedAtS: number;
  readonly startedAtS: number;
  readonly xapiVersion: string;
  readonly reaches: readonly string[];
  readonly attached: readonly string[];
  readonly domains: readonly {
    readonly vmUuid: string;
    readonly domid: number;
    readonly paused: boolean;
  }[];
}

export type HostFactsValue = { readonly [K in keyof HostFacts]: XapiValue };

function factsOf(life: Life, srUuids: readonly string[]): HostFactsValue {
  const { storage, domains } = life.ports;
  return {
    address: life.options.address,
    freshBoot: life.freshBoot,
    bootedAtS: Math.floor(life.options.bootedAtMs / 1_000),
    startedAtS: Math.floor(life.startedAtMs / 1_000),
    xapiVersion: life.options.generation.version,
    reaches: srUuids.filter((uuid) => storage.reaches(uuid)),
    attached: storage.attached().map((disk) => disk.vdiUuid),
    domains: domains.list().map(({ vmUuid, domid, paused }) => ({ vmUuid, domid, paused })),
  };
}

/** Kills guests that belong elsewhere, plugs storage, and lets the host take part. */
export async function joinPool(life: Life): Promise<void> {
  const srUuids = (await life.askCoordinator("host.storage_uuids", [])) as readonly string[];
  const strays = await life.askCoordinator("host.started", [factsOf(life, srUuids)]);
  const { domains, storage } = life.ports;
  for (const vmUuid of strays as readonly string[]) {
    life.log("warn", `guest ${vmUuid} is not meant to run here: destroying it`);
    domains.destroy(vmUuid);
    for (const disk of storage.attached()) {
      if (disk.vmUuid === vmUuid) storage.detach(disk.vdiUuid, vmUuid);
    }
  }
  if (life.freshBoot) life.local.remove("host_disabled_until_reboot");
  await considerEnabling(life);
  life.noteJoined();
}

/** A host enables itself, unless a user or an unfinished shutdown stands against it. */
export async function considerEnabling(life: Life): Promise<void> {
  if (life.userDisabled) return;
  if (life.local.get("host_disabled_until_reboot") === "true") return;
  if (life.local.get("host_auto_enable") === "false") return;
  await life.askCoordinator("host.enable_itself", []);
}

function isGuest(record: XapiRecord): boolean {
  return record["is_control_domain"] !== true;
}

/** The coordinator's half: writes the host's facts, gives the uuids of the guests to kill. */
export function recordStart(
  ctx: CallContext,
  hostRef: string,
  facts: HostFactsValue,
): readonly string[] {
  const { db } = ctx;
  return db.transaction(() => {
    recordHost(ctx, hostRef, facts);
    recordStorage(ctx, hostRef, facts);
    return resyncGuests(ctx, hostRef, facts);
  });
}

function recordHost(ctx: CallContext, hostRef: string, facts: HostFactsValue): void {
  const { db } = ctx;
  const version = String(facts.xapiVersion);
  const software = { ...db.map("host", hostRef, "software_version") };
  software["xapi"] = version.split(".").slice(0, 2).join(".");
  if (ctx.generation.xapiBuildKey) software["xapi_build"] = version;
  db.update("host", hostRef, {
    address: facts.address,
    current_operations: {},
    software_version: software,
    other_config: {
      ...db.map("host", hostRef, "other_config"),
      boot_time: `${String(facts.bootedAtS)}.`,
      agent_start_time: `${String(facts.startedAtS)}.`,
    },
  });
  refreshHost(ctx, hostRef);
}

/** A freshly booted host plugs what it reaches and forgets the disk locks it held before. */
function recordStorage(ctx: CallContext, hostRef: string, facts: HostFactsValue): void {
  const { db } = ctx;
  const reaches = facts.reaches as readonly string[];
  const attached = new Set(facts.attached as readonly string[]);
  for (const pbd of db.set("host", hostRef, "PBDs")) {
    const sr = db.find("SR", db.str("PBD", pbd, "SR"));
    if (sr === undefined) continue;
    const plugged = reaches.includes(String(sr["uuid"]));
    db.update("PBD", pbd, { currently_attached: plugged });
    if (!plugged || facts.freshBoot !== true) continue;
    for (const vdi of sr["VDIs"] as readonly string[]) {
      if (attached.has(db.str("VDI", vdi, "uuid"))) continue;
      db.dropKey("VDI", vdi, "sm_config", `host_${hostRef}`);
    }
  }
}

function resyncGuests(ctx: CallContext, hostRef: string, facts: HostFactsValue): readonly string[] {
  const { db } = ctx;
  const strays: string[] = [];
  const here = new Set<string>();
  for (const domain of facts.domains as readonly {
    readonly vmUuid: string;
    readonly domid: number;
    readonly paused: boolean;
  }[]) {
    here.add(domain.vmUuid);
    const vm = db.findByUuid("VM", domain.vmUuid);
    const owner = vm === undefined ? null : db.str("VM", vm, "resident_on");
    if (vm === undefined || (owner !== hostRef && db.has("host", owner ?? ""))) {
      strays.push(domain.vmUuid);
      continue;
    }
    db.update("VM", vm, {
      resident_on: hostRef,
      domid: domain.domid,
      power_state: domain.paused ? "Paused" : "Running",
    });
    refreshVm(ctx, vm);
  }
  for (const vm of db.set("host", hostRef, "resident_VMs")) {
    const record = db.find("VM", vm);
    if (record === undefined || !isGuest(record) || here.has(String(record["uuid"]))) continue;
    markHalted(ctx, vm);
  }
  return strays;
}
