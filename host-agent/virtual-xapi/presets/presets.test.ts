import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dumpTables, restoreDatabase } from "../database/dump.ts";
import { fieldsIn } from "../datamodel/datamodel.ts";
import type { WireType } from "../datamodel/types.ts";
import type { Dice } from "../ports.ts";
import { NULL_REF, type XapiRecord, type XapiValue } from "../value.ts";
import type { PoolPreset, PresetName } from "./preset.ts";
import { buildPreset, presetHostNames, presetSize } from "./presets.ts";
import { gibibyte } from "./table-builder.ts";

const names: readonly PresetName[] = ["two", "two-8.2", "sixteen", "large"];

/** A small seeded generator: enough for names and identifiers. */
function seededDice(seed: number): Dice {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return state;
  };
  const hex = (digits: number): string => {
    let text = "";
    while (text.length < digits) text += next().toString(16).padStart(8, "0");
    return text.slice(0, digits);
  };
  return {
    fraction: () => next() / 2 ** 32,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  };
}

function build(name: PresetName, seed = 7): PoolPreset {
  const places = presetHostNames(name).map((_, index) => ({
    address: `10.77.0.${index + 1}`,
    certificateFingerprint: "AB:CD",
  }));
  return buildPreset(name, { dice: seededDice(seed), nowMs: Date.UTC(2026, 10, 22), places });
}

const built = new Map<PresetName, PoolPreset>();
function preset(name: PresetName): PoolPreset {
  const known = built.get(name) ?? build(name);
  built.set(name, known);
  return known;
}

/** Every reference inside a value, with the class its type names. */
function* references(value: XapiValue, type: WireType): Generator<readonly [string, string]> {
  if (type.kind === "ref" && typeof value === "string") yield [type.className, value];
  if (type.kind === "set" && Array.isArray(value)) {
    for (const member of value as readonly XapiValue[]) yield* references(member, type.of);
  }
  if (type.kind === "map" && typeof value === "object" && !Array.isArray(value)) {
    for (const [key, member] of Object.entries(value)) {
      yield* references(key, type.key);
      yield* references(member, type.value);
    }
  }
}

function records(pool: PoolPreset, className: string): readonly [string, XapiRecord][] {
  return Object.entries(pool.tables[className] ?? {});
}

function guests(pool: PoolPreset): readonly XapiRecord[] {
  return records(pool, "VM")
    .map(([, vm]) => vm)
    .filter((vm) => vm["is_a_template"] !== true && vm["is_control_domain"] !== true);
}

function wrongReferences(pool: PoolPreset): readonly string[] {
  const isKnown = ([target, to]: readonly [string, string]): boolean =>
    to === NULL_REF || pool.tables[target]?.[to] !== undefined || pool.danglingRefs.includes(to);
  return Object.keys(pool.tables).flatMap((className) => {
    const fields = fieldsIn(className, pool.generation.version);
    return records(pool, className).flatMap(([ref, record]) =>
      fields
        .flatMap((field) => [...references(record[field.name] ?? "", field.type)])
        .filter((found) => !isKnown(found))
        .map(([target, to]) => `${className} ${ref} leads to no ${target} ${to}`),
    );
  });
}

describe.each(names)("the preset %s", (name) => {
  it("has the hosts and guests it promises", () => {
    const pool = preset(name);
    expect({
      hosts: records(pool, "host").length,
      guests: guests(pool).length,
      pools: records(pool, "pool").length,
      controlDomains: records(pool, "VM").filter(([, vm]) => vm["is_control_domain"]).length,
    }).toEqual({
      ...presetSize(name),
      pools: 1,
      controlDomains: presetSize(name).hosts,
    });
  });

  it("has every field of its generation in every record, and no other", () => {
    const pool = preset(name);
    for (const className of Object.keys(pool.tables)) {
      const wanted = fieldsIn(className, pool.generation.version).map((field) => field.name);
      for (const [, record] of records(pool, className)) {
        if (Object.keys(record).length === wanted.length) continue;
        expect(Object.keys(record).toSorted(), className).toEqual(wanted.toSorted());
      }
    }
  });

  it("has no reference that leads nowhere, but for the one to a destroyed host", () => {
    const pool = preset(name);
    expect(wrongReferences(pool)).toEqual([]);
  });

  it("names nothing twice: uuids and references are unique", () => {
    const pool = preset(name);
    const all = Object.values(pool.tables).flatMap((table) => Object.entries(table));
    expect(new Set(all.map(([ref]) => ref)).size).toBe(all.length);
    expect(new Set(all.map(([, record]) => record["uuid"])).size).toBe(all.length);
  });

  it("fits into its memory, and the machines agree with the database about who runs where", () => {
    const pool = preset(name);
    for (const host of pool.hosts) {
      const running = records(pool, "VM")
        .filter(([, vm]) => vm["resident_on"] === host.ref && vm["is_control_domain"] !== true)
        .map(([, vm]) => String(vm["uuid"]));
      expect(host.domains.map((domain) => domain.vmUuid)).toEqual(running);
      const used = host.domains.reduce((sum, domain) => sum + domain.memoryBytes, 0);
      expect(used + host.dom0MemoryBytes).toBeLessThan(host.memoryBytes);
    }
  });

  it("shows a lock of the right host on each disk that is open, and on no other", () => {
    const pool = preset(name);
    const open = pool.hosts.flatMap((host) =>
      host.attachedDisks.map((disk) => `${disk.vdiUuid} host_${host.ref}`),
    );
    const locked = records(pool, "VDI").flatMap(([, vdi]) =>
      Object.keys(vdi["sm_config"] as XapiRecord)
        .filter((key) => key.startsWith("host_"))
        .map((key) => `${String(vdi["uuid"])} ${key}`),
    );
    expect(open.toSorted()).toEqual(locked.toSorted());
  });
});

describe("the two-host preset", () => {
  it("survives the loss of a host: its protected guests fit on the other one", () => {
    const pool = preset("two");
    const needed = guests(pool)
      .filter((vm) => vm["ha_restart_priority"] === "restart")
      .reduce((sum, vm) => sum + Number(vm["memory_static_max"]) + gibibyte, 0);
    const smallest = Math.min(...pool.hosts.map((host) => host.memoryBytes - host.dom0MemoryBytes));
    expect(needed).toBeLessThan(smallest);
  });

  it("covers the treatments, a passthrough card, a halted guest and awkward names", () => {
    const all = guests(preset("two"));
    const count = (test: (vm: XapiRecord) => boolean): number => all.filter(test).length;
    expect({
      restart: count((vm) => vm["ha_restart_priority"] === "restart"),
      bestEffort: count((vm) => vm["ha_restart_priority"] === "best-effort"),
      unprotected: count((vm) => vm["ha_restart_priority"] === ""),
      passthrough: count((vm) => (vm["attached_PCIs"] as readonly string[]).length > 0),
      halted: count((vm) => vm["power_state"] === "Halted"),
      orders: new Set(all.map((vm) => vm["order"])).size,
      quoted: count((vm) => /["']/u.test(String(vm["name_label"]))),
      accented: count((vm) => /[À-ž]/u.test(String(vm["name_label"]))),
      inAppliance: count((vm) => vm["appliance"] !== NULL_REF),
    }).toEqual({
      restart: 7,
      bestEffort: 2,
      unprotected: 3,
      passthrough: 1,
      halted: 1,
      orders: 6,
      quoted: 2,
      accented: 4,
      inAppliance: 3,
    });
  });

  it("protects only guests that any host can run", () => {
    const pool = preset("two");
    const localDisks = new Set(
      records(pool, "VDI")
        .filter(([, vdi]) => pool.tables["SR"]?.[String(vdi["SR"])]?.["shared"] === false)
        .map(([ref]) => ref),
    );
    const bound = records(pool, "VBD")
      .filter(([, vbd]) => localDisks.has(String(vbd["VDI"])))
      .map(([, vbd]) => pool.tables["VM"]?.[String(vbd["VM"])]?.["ha_restart_priority"]);
    expect(bound).toEqual(["", ""]);
  });

  it("differs on 8.2 by what that release does not know", () => {
    const version = (name: PresetName): XapiRecord =>
      records(preset(name), "host")[0]![1]["software_version"] as XapiRecord;
    expect([version("two")["xapi_build"], version("two-8.2")["xapi_build"]]).toEqual([
      "26.1.4",
      undefined,
    ]);
    expect(records(preset("two-8.2"), "host")[0]![1]).not.toHaveProperty("last_update_hash");
  });
});

it("whatever the dice say, no reference leads nowhere and no name is used twice", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const pool = build("two", seed);
      const refs = Object.values(pool.tables).flatMap((table) => Object.keys(table));
      expect(wrongReferences(pool)).toEqual([]);
      expect(new Set(refs).size).toBe(refs.length);
    }),
    { numRuns: 30 },
  );
});

it("is the same pool after a node has read it from its disk", () => {
  const pool = preset("two");
  const options = { version: pool.generation.version, newUuid: seededDice(1).uuid };
  const restored = restoreDatabase(dumpTables(pool.tables, options.version), options);
  // What a node computes anew when it starts is not kept.
  const computed = new Set(["pool", "host", "VM", "VM_appliance"]);
  const kept = (className: string, record: XapiRecord): XapiRecord =>
    computed.has(className) ? { ...record, allowed_operations: [] } : record;
  for (const className of Object.keys(pool.tables)) {
    for (const [ref, record] of records(pool, className)) {
      expect(restored.get(className, ref), className).toEqual(kept(className, record));
    }
  }
});

it("builds the same pool from the same dice, and another one from others", () => {
  expect(build("sixteen", 3)).toEqual(build("sixteen", 3));
  expect(build("two", 3).hosts[0]?.uuid).not.toBe(build("two", 4).hosts[0]?.uuid);
});

it("names every guest of the large estate differently", () => {
  const labels = guests(preset("large")).map((vm) => vm["name_label"]);
  expect(new Set(labels).size).toBe(5_000);
});
