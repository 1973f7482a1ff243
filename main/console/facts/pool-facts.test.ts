import { expect, it } from "vitest";
import type { Connection, PoolFactsItem } from "../../contract/pool.ts";
import type { XapiClass, XapiRecord } from "../pool-session.ts";
import type { Clock } from "../ports.ts";
import type { StreamSource } from "../streams.ts";
import { RecordStore } from "../xapi/record-store.ts";
import { PoolFacts } from "./pool-facts.ts";

interface Pool {
  readonly store: RecordStore;
  readonly facts: PoolFacts;
  connection: Connection;
  /** one event: the record replaced, or taken away */
  event(className: XapiClass, ref: string, record: XapiRecord | undefined): void;
  edit(className: XapiClass, ref: string, fields: XapiRecord): void;
  watch(): Watcher;
}

interface Watcher {
  take(): PoolFactsItem | null;
  readonly wakes: number;
}

const live: Connection = { status: "live", sinceMs: 0, viaName: "xcp1", viaAddress: "10.0.0.1" };
const clock: Clock = {
  wallMs: () => 1_000,
  monotonicMs: () => 0,
  sleep: () => Promise.resolve(),
};

/** Each look at the clock finds it later, so that judging seems to take that long. */
function slowClock(stepMs: number): Clock {
  let nowMs = 0;
  return { ...clock, monotonicMs: () => (nowMs += stepMs) };
}

function pool(judgeMs = 0): Pool {
  const store = new RecordStore();
  for (const [className, records] of Object.entries(smallPool())) {
    store.replaceClass(className as XapiClass, records);
  }
  const self: Pool = {
    store,
    connection: live,
    facts: new PoolFacts({
      clock: judgeMs === 0 ? clock : slowClock(judgeMs),
      records: () => store,
      connection: () => self.connection,
      freshAtMs: () => 0,
      run: () => null,
    }),
    event: (className, ref, record) => self.facts.changed([store.put(className, ref, record)]),
    edit: (className, ref, fields) =>
      self.event(className, ref, { ...store.get(className, ref), ...fields }),
    watch() {
      let wakes = 0;
      const source: StreamSource<PoolFactsItem> = self.facts.open()(() => {
        wakes += 1;
      });
      return {
        take: () => source.take(),
        get wakes() {
          return wakes;
        },
      };
    },
  };
  self.facts.replaced();
  return self;
}

function patchOf(watcher: Watcher): Extract<PoolFactsItem, { kind: "patch" }> {
  const item = watcher.take();
  if (item?.kind !== "patch") throw new Error(`no patch but ${JSON.stringify(item)}`);
  return item;
}

it("starts with everything an operator calls a VM, and nothing else", () => {
  const watcher = pool().watch();
  const item = watcher.take();
  expect(item?.kind).toBe("snapshot");
  if (item?.kind !== "snapshot") return;
  expect(item.vms.map((vm) => vm.name)).toEqual(["web 1", "db"]);
  expect(item.hosts.map((host) => [host.name, host.role, host.vmCountRunning])).toEqual([
    ["xcp1", "coordinator", 1],
    ["xcp2", "supporter", 1],
  ]);
  expect(item.vms[1]).toMatchObject({
    disks: [{ srName: "local", shared: false }],
    agility: { agile: false },
    treatment: "restart",
  });
  expect(watcher.take()).toBeNull();
});

it("an event sends the one row that changed, and nothing when the row looks the same", () => {
  const here = pool();
  const watcher = here.watch();
  watcher.take();
  here.edit("VM", "OpaqueRef:v1", { order: 7 });
  expect(patchOf(watcher)).toMatchObject({ vms: { upsert: [{ name: "web 1", order: 7 }] } });
  expect(watcher.take()).toBeNull();
  here.edit("VM", "OpaqueRef:v1", { domid: 12 });
  expect(watcher.take()).toBeNull();
});

it("a new name of a storage reaches the VMs that have disks there", () => {
  const here = pool();
  const watcher = here.watch();
  watcher.take();
  here.edit("SR", "OpaqueRef:s1", { name_label: "SSD" });
  const patch = patchOf(watcher);
  expect(patch.srs?.upsert.map((sr) => sr.name)).toEqual(["SSD"]);
  expect(patch.vms?.upsert.map((vm) => vm.disks)).toEqual([[{ srName: "SSD", shared: false }]]);
});

it("a VM that goes is removed by uuid; its host counts again", () => {
  const here = pool();
  const watcher = here.watch();
  watcher.take();
  here.event("VM", "OpaqueRef:v1", undefined);
  const patch = patchOf(watcher);
  expect(patch.vms).toEqual({ upsert: [], removeUuids: ["u-v1"] });
  const host = patch.hosts?.upsert.find((one) => one.name === "xcp1");
  expect(host?.vmCountRunning).toBe(0);
});

it("a subscriber that does not read is owed each row once, as it is at the end", () => {
  const here = pool();
  const watcher = here.watch();
  watcher.take();
  for (let order = 1; order <= 500; order += 1) here.edit("VM", "OpaqueRef:v1", { order });
  const patch = patchOf(watcher);
  expect(patch.vms?.upsert).toHaveLength(1);
  expect(patch.vms?.upsert[0]?.order).toBe(500);
  expect(watcher.take()).toBeNull();
});

it("nothing is judged on old facts: with the connection gone every verdict is unknown", () => {
  const here = pool();
  const watcher = here.watch();
  const before = watcher.take();
  if (before?.kind !== "snapshot") throw new Error("no snapshot");
  expect(before.hosts.map((host) => host.verdict.verdict)).not.toContain("unknown");
  expect(before.pool?.verdict).toBe("unprotected");
  here.connection = {
    status: "stale",
    sinceMs: 0,
    error: { code: "x", sentence: "Silence.", nextStep: "Wait.", retryable: true },
    tried: [],
    nextTryAtMs: 0,
  };
  here.facts.connectionChanged();
  const patch = patchOf(watcher);
  expect(patch.connection?.status).toBe("stale");
  expect(patch.hosts?.upsert.map((host) => host.verdict.verdict)).toEqual(["unknown", "unknown"]);
  expect(patch.pool?.verdict).toBe("unknown");
  expect(here.facts.mark().mark).toBe("unknown");
});

it("where judging is slow the row comes first and its verdict follows", async () => {
  const here = pool(20);
  const watcher = here.watch();
  watcher.take();
  here.edit("host_metrics", "OpaqueRef:m2", { live: false });
  const first = patchOf(watcher).hosts?.upsert.find((one) => one.name === "xcp2");
  expect([first?.live, first?.verdict.verdict]).toEqual([false, "acknowledge"]);
  for (let turns = 0; turns < 5; turns += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const then = patchOf(watcher).hosts?.upsert.find((one) => one.name === "xcp2");
  expect(then?.verdict.verdict).toBe("unsafe");
});

it("a pool that is forgotten ends what watches it, with a sentence", () => {
  const here = pool();
  const watcher = here.watch();
  watcher.take();
  here.facts.end();
  expect(watcher.wakes).toBe(1);
  expect(() => watcher.take()).toThrow("does not know that pool any more");
});

it("after a reconnect everything is given anew", () => {
  const here = pool();
  const watcher = here.watch();
  watcher.take();
  here.store.replaceClass("VM", {});
  here.facts.replaced();
  const item = watcher.take();
  expect(item?.kind === "snapshot" ? item.vms : null).toEqual([]);
});

function smallPool(): Partial<Record<XapiClass, Record<string, XapiRecord>>> {
  return {
    pool: {
      "OpaqueRef:p": {
        uuid: "u-p",
        name_label: "Pool",
        master: "OpaqueRef:h1",
        ha_enabled: false,
        ha_statefiles: [],
        other_config: {},
      },
    },
    host: {
      "OpaqueRef:h1": host("xcp1", "OpaqueRef:m1", ["OpaqueRef:v1"]),
      "OpaqueRef:h2": host("xcp2", "OpaqueRef:m2", ["OpaqueRef:v2"]),
    },
    host_metrics: {
      "OpaqueRef:m1": { uuid: "u-m1", live: true, memory_total: 1e11, memory_free: 5e10 },
      "OpaqueRef:m2": { uuid: "u-m2", live: true, memory_total: 1e11, memory_free: 5e10 },
    },
    VM: {
      "OpaqueRef:v1": vm("v1", "web 1", "OpaqueRef:h1"),
      "OpaqueRef:v2": {
        ...vm("v2", "db", "OpaqueRef:h2"),
        VBDs: ["OpaqueRef:b2"],
        ha_restart_priority: "restart",
      },
      "OpaqueRef:t": { ...vm("t", "Debian 12", "OpaqueRef:NULL"), is_a_template: true },
      "OpaqueRef:s": { ...vm("s", "before update", "OpaqueRef:NULL"), is_a_snapshot: true },
      "OpaqueRef:c": { ...vm("c", "dom0", "OpaqueRef:h1"), is_control_domain: true },
    },
    VBD: {
      "OpaqueRef:b2": { uuid: "u-b2", VM: "OpaqueRef:v2", VDI: "OpaqueRef:d2", type: "Disk" },
    },
    VDI: { "OpaqueRef:d2": { uuid: "u-d2", SR: "OpaqueRef:s1", VBDs: ["OpaqueRef:b2"] } },
    SR: {
      "OpaqueRef:s1": {
        uuid: "u-s1",
        name_label: "local",
        type: "ext",
        shared: false,
        VDIs: ["OpaqueRef:d2"],
        PBDs: ["OpaqueRef:x1"],
      },
    },
    PBD: {
      "OpaqueRef:x1": {
        uuid: "u-x1",
        host: "OpaqueRef:h2",
        SR: "OpaqueRef:s1",
        currently_attached: true,
      },
    },
  };
}

function host(name: string, metrics: string, residents: string[]): XapiRecord {
  return {
    uuid: `u-${name}`,
    name_label: name,
    address: `10.0.0.${name.at(-1)}`,
    enabled: true,
    metrics,
    resident_VMs: residents,
    PBDs: [],
    PIFs: [],
    other_config: { boot_time: "1690000000.", agent_start_time: "1690000100." },
    current_operations: {},
    allowed_operations: [],
    software_version: { product_version: "8.3.0" },
  };
}

function vm(id: string, name: string, resident: string): XapiRecord {
  return {
    uuid: `u-${id}`,
    name_label: name,
    power_state: resident === "OpaqueRef:NULL" ? "Halted" : "Running",
    resident_on: resident,
    is_a_template: false,
    is_a_snapshot: false,
    is_control_domain: false,
    ha_restart_priority: "",
    order: 0,
    start_delay: 0,
    VBDs: [],
    VIFs: [],
    VGPUs: [],
    attached_PCIs: [],
    memory_static_max: 1_073_741_824,
    current_operations: {},
    blocked_operations: {},
    allowed_operations: ["pool_migrate", "clean_shutdown"],
    other_config: {},
  };
}
