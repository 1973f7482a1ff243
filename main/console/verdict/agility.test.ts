import { expect, test } from "vitest";
import { addVm, recordsOf, refOf, smallPool, vmRefOf } from "../testing/small-pool.ts";
import { agilityOf, agilityOfAll } from "./agility.ts";

const tables = () => smallPool({ vms: [{ name: "web", host: "node1" }] });

test("a VM on shared storage and a wired network is agile", () => {
  expect(agilityOf(recordsOf(tables()), vmRefOf("web"))).toEqual({ agile: true, reasons: [] });
});

test("every obstacle is named, with its object and host", () => {
  const pool = tables();
  addVm(pool, { name: "build", host: "node1", disk: "local", pci: true });
  pool["PBD"]![refOf("pbd", "shared-node3")]!["currently_attached"] = false;
  pool["PIF"]![refOf("pif", "node2")]!["currently_attached"] = false;
  const all = agilityOfAll(recordsOf(pool));
  expect(all.get(vmRefOf("build"))?.reasons).toEqual([
    "A disk lies on “local-node1”, storage of one host.",
    "It has passthrough device “Capture card”.",
    "Network “LAN” is not on node2.",
  ]);
  expect(all.get(vmRefOf("web"))?.reasons).toEqual([
    "Storage “shared” is not plugged on node3.",
    "Network “LAN” is not on node2.",
  ]);
});

test("what is not known is not agile", () => {
  const pool = tables();
  delete pool["VDI"]![refOf("vdi", "web")];
  expect(agilityOf(recordsOf(pool), vmRefOf("web")).agile).toBe(false);
  expect(agilityOf(recordsOf(pool), "OpaqueRef:gone").agile).toBe(false);
});
