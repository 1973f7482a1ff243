import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeHostKey } from "../../host-agent/xapi-host/ssh-server.ts";
import { domainsFile, readFaults } from "../../host-agent/xapi-host/settings.ts";
import type { ServiceListener, XapiService } from "./host-process.ts";
import { Machine, type MachineOs } from "./machine.ts";
import { readBoot, writeBoot } from "./work-folder.ts";

/** A XAPI whose life the test decides; what the machine does to it is written down. */
interface Puppet extends XapiService {
  readonly done: string[];
  listener: ServiceListener;
  /** whether it obeys a clean stop */
  isObedient: boolean;
}

const timing = { bootMs: 30, restartMs: 10, stopMs: 40 };
let folder = "";
let puppet: Puppet;
let machine: Machine;
/** Wakes whoever waits for the next change. */
let changed: () => void = () => {};

function makePuppet(listener: ServiceListener): Puppet {
  let isUp = false;
  const end = (code: number | null): void => {
    if (!isUp) return;
    isUp = false;
    setImmediate(() => listener.exited(code));
  };
  puppet = {
    done: [],
    listener,
    isObedient: true,
    start() {
      isUp = true;
      puppet.done.push("start");
      setImmediate(() => listener.listening());
    },
    kill() {
      puppet.done.push("kill");
      end(null);
    },
    hang: () => void puppet.done.push("hang"),
    resume: () => void puppet.done.push("resume"),
    send(message) {
      if (message.type !== "stop") return;
      puppet.done.push("stop");
      if (puppet.isObedient) end(0);
    },
  };
  return puppet;
}

/** An operating system without an agent; when it is asked to do what is written down, too. */
const os: MachineOs = {
  get root() {
    return folder;
  },
  boot: () => {},
  stop: (how) => {
    puppet.done.push(`os ${how}`);
    return Promise.resolve();
  },
  cutPower: () => Promise.resolve(),
  run: () => null,
};

async function until(claim: () => boolean): Promise<void> {
  while (!claim()) {
    await new Promise<void>((resolve) => {
      changed = resolve;
      setTimeout(resolve, 5);
    });
  }
}

const isRunning = (): boolean => machine.state.power === "on" && machine.state.xapi === "running";

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "skink-machine-"));
  writeBoot(folder, 1_000);
  writeFileSync(join(folder, domainsFile), "{}");
  machine = new Machine({
    name: "host-a",
    dir: folder,
    hostUuid: "uuid-a",
    ssh: {
      listen: { host: "127.78.3.1", port: 20_000 + (process.pid % 20_000) },
      hostKey: makeHostKey(),
      password: "demo",
    },
    timing,
    os,
    makeService: makePuppet,
    powerOnPeer: () => Promise.resolve(false),
    changed: () => changed(),
  });
  await machine.wake();
  await until(isRunning);
  puppet.done.length = 0;
});

afterEach(async () => {
  await machine.cutPower();
  rmSync(folder, { recursive: true, force: true });
});

describe("the service manager", () => {
  it.each([
    ["asks for it with code 123", 123],
    ["crashes", 1],
    ["is killed", null],
  ])("starts XAPI again when it %s", async (_why, code) => {
    puppet.listener.exited(code);
    await until(() => puppet.done.includes("start"));
    await until(isRunning);
    expect(puppet.done).toEqual(["start"]);
  });

  it("leaves it down when it ended by its own wish, and the guests with it untouched", async () => {
    puppet.listener.exited(0);
    await new Promise((resolve) => setTimeout(resolve, timing.restartMs * 3));
    expect(machine.state).toEqual({ power: "on", xapi: "stopped" });
    expect([puppet.done, existsSync(join(folder, domainsFile))]).toEqual([[], true]);
  });

  it("restarts the toolstack, by force when XAPI does not obey", async () => {
    puppet.isObedient = false;
    await machine.restartToolstack();
    expect(puppet.done).toEqual(["stop", "kill", "start"]);
    expect(existsSync(join(folder, domainsFile))).toBe(true);
  });
});

describe("the power", () => {
  it("takes everything with it that is not on disk, at once", async () => {
    await machine.cutPower();
    expect(machine.state).toEqual({ power: "off", xapi: "stopped" });
    expect([puppet.done, existsSync(join(folder, domainsFile))]).toEqual([["kill"], false]);
  });

  it("comes back as a boot, which is a later moment than the last one", async () => {
    await machine.cutPower();
    const boot = machine.powerOn();
    expect(machine.state.power).toBe("booting");
    await boot;
    await until(isRunning);
    expect(readBoot(folder)).toBeGreaterThan(1_000);
  });

  it("lost while booting stays lost", async () => {
    await machine.cutPower();
    puppet.done.length = 0;
    const boot = machine.powerOn();
    await machine.cutPower();
    await boot;
    expect(machine.state).toEqual({ power: "off", xapi: "stopped" });
    expect(puppet.done).not.toContain("start");
  });

  it("an orderly reboot stops XAPI before the guests are gone, then boots", async () => {
    await machine.reboot();
    await until(isRunning);
    expect(puppet.done).toEqual(["os reboot", "stop", "kill", "start"]);
    expect(existsSync(join(folder, domainsFile))).toBe(false);
  });
});

describe("the watchdog", () => {
  it("resets a machine whose XAPI hangs and feeds it no more", async () => {
    puppet.listener.watchdog(30);
    machine.hangXapi();
    await until(() => machine.state.power === "booting");
    await until(isRunning);
    expect(puppet.done).toEqual(["hang", "kill", "start"]);
  });

  it("does nothing while it is fed, and nothing after it was disarmed", async () => {
    for (let meal = 0; meal < 4; meal += 1) {
      puppet.listener.watchdog(50);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    puppet.listener.watchdog(null);
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect([machine.state, puppet.done]).toEqual([{ power: "on", xapi: "running" }, []]);
  });
});

it("what is broken is written down, so that the next XAPI finds it broken", () => {
  machine.setFaults({ ...machine.faults, isNetworkCut: true, isDiskFull: true });
  expect(readFaults(folder)).toEqual({
    isNetworkCut: true,
    isDiskFull: true,
    lostTo: [],
    lostFrom: [],
  });
});
