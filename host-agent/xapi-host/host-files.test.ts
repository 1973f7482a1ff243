import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  DiskFull,
  DomainFailure,
  StorageUnreachable,
  type Clock,
  type DomainEvent,
  type Domains,
  type DomainSpec,
} from "../virtual-xapi/ports.ts";
import { createDisk } from "./disk-file.ts";
import { createDomains, domainsText, listDomains } from "./domains-file.ts";
import { replaceFile } from "./disk-file.ts";
import { createStorage } from "./storage-files.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skink-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Time passes only when a test says so. */
function handClock(): Clock & { advance(ms: number): Promise<void> } {
  let nowMs = 1_000;
  const sleepers: { readonly dueMs: number; readonly wake: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    sleep: (ms) => new Promise((wake) => sleepers.push({ dueMs: nowMs + ms, wake })),
    async advance(ms) {
      nowMs += ms;
      for (const sleeper of sleepers) if (sleeper.dueMs <= nowMs) sleeper.wake();
      await Promise.resolve();
    },
  };
}

const guest: DomainSpec = { vmUuid: "vm-1", memoryBytes: 100, vcpus: 1, paused: false };

describe("a host's disk", () => {
  it("keeps what was written, readable by its owner only, and leaves nothing half done", () => {
    const disk = createDisk(join(folder, "disk"), () => false);
    disk.write("pool.conf", "master");
    disk.write("pool.conf", "slave:10.77.0.1");
    expect(disk.read("pool.conf")).toBe("slave:10.77.0.1");
    expect(readdirSync(join(folder, "disk"))).toEqual(["pool.conf"]);
    expect(statSync(join(folder, "disk", "pool.conf")).mode & 0o077).toBe(0);
  });

  it("refuses to write when it is full, and what was there stays", () => {
    let isFull = false;
    const disk = createDisk(join(folder, "disk"), () => isFull);
    disk.write("state.db", "old");
    isFull = true;
    expect(() => disk.write("state.db", "new")).toThrow(DiskFull);
    expect(disk.read("state.db")).toBe("old");
  });

  it("has nothing under a name that was removed or never written", () => {
    const disk = createDisk(join(folder, "disk"), () => false);
    disk.write("local.db", "x");
    disk.remove("local.db");
    expect([disk.read("local.db"), disk.read("messages")]).toEqual([undefined, undefined]);
  });
});

describe("the guests of a host", () => {
  const file = (): string => join(folder, "domains.json");
  const open = (clock: Clock = handClock()): Domains =>
    createDomains({
      file: file(),
      clock,
      memoryBytes: 1_000,
      dom0MemoryBytes: 400,
      guestShutdownMs: 50,
    });

  it("are still there for the next XAPI, whatever happened to the last one", () => {
    open().create(guest);
    const next = open();
    expect(next.list().map((domain) => [domain.vmUuid, domain.domid])).toEqual([["vm-1", 1]]);
    expect(next.freeMemoryBytes()).toBe(500);
    expect(listDomains(file()).map((domain) => domain.vmUuid)).toEqual(["vm-1"]);
  });

  it("are those the machine was furnished with", () => {
    replaceFile(file(), domainsText([guest, { ...guest, vmUuid: "vm-2" }]));
    const domains = open();
    expect(domains.create({ ...guest, vmUuid: "vm-3" }).domid).toBe(3);
  });

  it("do not fit twice, and not beyond the memory", () => {
    const domains = open();
    domains.create(guest);
    const refusals = [guest, { ...guest, vmUuid: "vm-2", memoryBytes: 501 }].map((spec) => {
      try {
        domains.create(spec);
        return "built";
      } catch (error) {
        return error instanceof DomainFailure ? error.reason : "other";
      }
    });
    expect(refusals).toEqual(["exists", "not-enough-memory"]);
  });

  it("power off when asked, unless they cannot hear, and say so", async () => {
    const clock = handClock();
    const domains = open(clock);
    const events: DomainEvent[] = [];
    domains.watch((event) => events.push(event));
    domains.create(guest);
    domains.create({ ...guest, vmUuid: "deaf", cooperative: false });
    domains.requestShutdown("vm-1");
    domains.requestShutdown("deaf");
    await clock.advance(50);
    expect(events).toEqual([{ type: "shutdown", vmUuid: "vm-1" }]);
    expect(domains.list().map((domain) => domain.vmUuid)).toEqual(["deaf"]);
  });

  it("finish powering off even when XAPI dies in between", async () => {
    const clock = handClock();
    const before = open(clock);
    before.create(guest);
    before.requestShutdown("vm-1");
    await clock.advance(60);
    expect(open(clock).list()).toEqual([]);
  });

  it("arrive paused under a temporary name, hold memory, and go on as they were", () => {
    const domains = open();
    domains.createIncoming("temp-1", guest);
    domains.createIncoming("temp-2", { ...guest, vmUuid: "vm-2", paused: true });
    expect(domains.find("temp-1")).toMatchObject({ paused: true, incomingFor: "vm-1" });
    expect(domains.freeMemoryBytes()).toBe(400);
    expect(domains.commitIncoming("temp-1")).toMatchObject({ vmUuid: "vm-1", paused: false });
    expect(domains.commitIncoming("temp-2")).toMatchObject({ vmUuid: "vm-2", paused: true });
    expect(domains.list().map((domain) => domain.vmUuid)).toEqual(["vm-1", "vm-2"]);
  });
});

describe("the storage of a host", () => {
  const open = (name: string): ReturnType<typeof createStorage> =>
    createStorage({
      attachedFile: join(folder, `${name}.json`),
      sharedFolder: join(folder, "shared"),
      srUuids: ["sr-shared"],
      isUnreachable: () => false,
    });
  const disk = { vdiUuid: "vdi-1", srUuid: "sr-shared", vmUuid: "vm-1", mode: "RW" } as const;

  it("remembers open disks for the next XAPI until they are closed", () => {
    open("a").attach(disk);
    expect(open("a").attached()).toEqual([disk]);
    open("a").detach("vdi-1", "vm-1");
    expect(open("a").attached()).toEqual([]);
  });

  it("reaches only what it is cabled to", () => {
    const storage = open("a");
    expect([storage.reaches("sr-shared"), storage.reaches("sr-other")]).toEqual([true, false]);
    expect(() => storage.attach({ ...disk, srUuid: "sr-other" })).toThrow(StorageUnreachable);
  });

  it("shows every host the slots of all in a shared statefile", () => {
    open("a").writeStatefile("sr-shared", "vdi-sf", "host-a", "1");
    open("b").writeStatefile("sr-shared", "vdi-sf", "host-b", "2");
    expect(open("a").readStatefile("sr-shared", "vdi-sf")).toEqual({
      "host-a": "1",
      "host-b": "2",
    });
  });
});
