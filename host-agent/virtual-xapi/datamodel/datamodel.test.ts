import { describe, expect, it } from "vitest";
import {
  classNames,
  fieldsIn,
  findClass,
  findMessage,
  findMethod,
  methodNamesIn,
  paramsIn,
  tablesIn,
} from "./datamodel.ts";
import { emptyRecord } from "./records.ts";
import { compareReleases, existsIn, GENERATION_8_2, GENERATION_8_3 } from "./releases.ts";
import { parseType } from "./types.ts";

describe("releases", () => {
  it("orders code names before numbers", () => {
    const ordered = ["rio", "orlando", "stockholm_psr", "1.249.41", "1.297.0", "21.2.0", "26.1.4"];
    expect(ordered.toSorted(compareReleases)).toEqual(ordered);
    expect(ordered.toReversed().toSorted(compareReleases)).toEqual(ordered);
  });

  it("knows what was there, what came and what went", () => {
    const lifecycle = { since: "22.27.0", removed: "25.31.0" };
    expect(["22.26.0", "22.27.0", "25.30.9", "26.1.4"].map((v) => existsIn(v, lifecycle))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});

describe("messages", () => {
  it("accepts the trailing parameters of each version only", () => {
    const count = (method: string, version: string) => {
      const message = findMethod(method);
      return message === undefined ? -1 : paramsIn(message, version).length;
    };
    expect([GENERATION_8_2, "1.297.0", "23.27.0"].map((v) => count("host.evacuate", v))).toEqual([
      1, 2, 3,
    ]);
    expect(["25.30.0", "25.31.0"].map((v) => count("host.disable", v))).toEqual([1, 2]);
  });

  it("holds the calls that the documentation hides", () => {
    for (const name of ["pool.hello", "pool.is_slave", "host.prepare_for_poweroff"]) {
      expect(findMethod(name)?.hidden, name).toBe(true);
    }
  });

  it("has no Async form where XAPI has none", () => {
    const names = new Set(methodNamesIn(GENERATION_8_3));
    expect(names).toContain("Async.host.evacuate");
    expect(names).toContain("Async.pool.enable_ha");
    for (const name of ["session.logout", "event.from", "task.cancel", "host.get_name_label"]) {
      expect(names).toContain(name);
      expect(names).not.toContain(`Async.${name}`);
    }
    expect(names).not.toContain("Async.pool.emergency_transition_to_master");
    expect(names).not.toContain("host_metrics.get_memory_free");
  });

  it("leaves newer calls out of the older generation", () => {
    const old = new Set(methodNamesIn(GENERATION_8_2));
    expect(old).not.toContain("host.set_https_only");
    expect(old).toContain("host.evacuate");
  });

  it("names the roles that may call", () => {
    expect(findMessage("host", "call_plugin")?.roles).toEqual(["pool-admin"]);
    expect(findMessage("VM", "start")?.roles).toContain("vm-operator");
  });
});

describe("records", () => {
  it("parses the type of every field and message", () => {
    for (const name of classNames) {
      expect(findClass(name)?.messages.size, name).toBeDefined();
    }
    expect(parseType("(VM ref -> (string -> string) map) map")).toEqual({
      kind: "map",
      key: { kind: "ref", className: "VM" },
      value: { kind: "map", key: { kind: "string" }, value: { kind: "string" } },
    });
  });

  it("gives whole records, different per version", () => {
    const old = emptyRecord("host", GENERATION_8_2);
    const recent = emptyRecord("host", GENERATION_8_3);
    expect(old).not.toHaveProperty("https_only");
    expect(recent).toMatchObject({ https_only: false, virtual_hardware_platform_versions: [0] });
    expect(Object.keys(recent)).toHaveLength(fieldsIn("host", GENERATION_8_3).length);
    expect(emptyRecord("VM", GENERATION_8_2)).toMatchObject({
      power_state: "Halted",
      resident_on: "OpaqueRef:NULL",
      domid: -1,
      actions_after_shutdown: "destroy",
      ha_restart_priority: "",
      other_config: {},
    });
    expect(old).toMatchObject({ license_server: { address: "localhost", port: "27000" } });
  });

  it("keeps only stored classes in the tables", () => {
    const tables = tablesIn(GENERATION_8_2);
    expect(tables).toContain("VM");
    expect(tables).toContain("session");
    expect(tables).not.toContain("event");
    expect(tables).not.toContain("Rate_limit");
  });
});
