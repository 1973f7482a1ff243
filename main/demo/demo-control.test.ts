import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DemoState } from "../contract/demo.ts";
import { demoStateSchema } from "../contract/demo.ts";
import type { DemoAccess, DemoControl } from "../console/ports.ts";
import { createDemoControl } from "./demo-control.ts";
import { startDemoPool, type DemoPool } from "./demo-pool.ts";
import { callXapi } from "./rpc.ts";

const patienceMs = 15_000;

/** Resolves with the first state of a demo that the claim holds for. */
function stateWith(demo: DemoControl, claim: (state: DemoState) => boolean): Promise<DemoState> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the state never came")), patienceMs);
    // The first call comes before `watch` has returned.
    let leave = (): void => {};
    let isFound = false;
    leave = demo.watch((state) => {
      if (isFound || !claim(state)) return;
      isFound = true;
      clearTimeout(timer);
      queueMicrotask(() => leave());
      resolve(state);
    });
  });
}

describe("the demo pool behind the console's port", () => {
  const demo = createDemoControl({ timing: "fast" });
  let access: DemoAccess;
  const seen: DemoState[] = [];

  beforeAll(async () => {
    demo.watch((state) => seen.push(state));
    access = await demo.start("two");
  }, 60_000);
  afterAll(() => demo.stop());

  it("goes from off over starting to running, in the contract's form", () => {
    const statuses = [...new Set(seen.map((state) => state.status))];
    expect(statuses).toEqual(["off", "starting", "running"]);
    expect(seen.every((state) => demoStateSchema.safeParse(state).success)).toBe(true);
  });

  it("says how to reach every host, and knows its certificate beforehand", async () => {
    expect(access.addresses).toHaveLength(2);
    expect(Object.keys(access.fingerprints)).toEqual(access.addresses);
    expect(await demo.start("two")).toEqual(access);
  });

  it("does what the panel asks, and refuses a host that is not there", async () => {
    const [first, second] = ["oberland-xcp1", "oberland-xcp2"];
    await demo.act({ action: "cut-link", from: first, to: second });
    await demo.act({ action: "fill-disk", host: second });
    const broken = await stateWith(demo, (state) => state.hosts[1]?.diskFull === true);
    expect(broken.cutLinks).toEqual([{ from: first, to: second }]);
    await demo.act({ action: "restore-link", from: first, to: second });
    await demo.act({ action: "free-disk", host: second });
    expect((await stateWith(demo, () => true)).cutLinks).toEqual([]);
    await expect(demo.act({ action: "cut-power", host: "nowhere" })).rejects.toThrow("nowhere");
  });

  it("shows a host losing power, booting and being back", async () => {
    const host = "oberland-xcp2";
    await demo.act({ action: "cut-power", host });
    const off = await stateWith(demo, (state) => state.hosts[1]?.power === "off");
    expect(off.hosts[1]).toMatchObject({ power: "off", xapi: "stopped" });
    const booting = stateWith(demo, (state) => state.hosts[1]?.power === "booting");
    const back = stateWith(
      demo,
      (state) => state.hosts[1]?.power === "on" && state.hosts[1].xapi === "running",
    );
    await demo.act({ action: "power-on", host });
    await booting;
    expect((await back).hosts[1]).toMatchObject({ power: "on", xapi: "running" });
  });
});

describe("hosts that share a process", () => {
  let pool: DemoPool;
  beforeAll(async () => {
    pool = await startDemoPool({ preset: "two", timing: "fast", hostsPerProcess: 2 });
  }, 60_000);
  afterAll(() => pool.stop());

  const ask = (index: number, timeoutMs: number): Promise<string> => {
    const host = pool.hosts[index]!;
    const url = new URL(host.xapiUrl);
    return callXapi(
      { host: url.hostname, port: Number(url.port), certificatePem: host.certificatePem },
      {
        method: "session.login_with_password",
        params: ["root", pool.password],
        signal: AbortSignal.timeout(timeoutMs),
      },
    ).then(
      () => "logged in",
      (error: Error) => (error.name === "RpcFailure" ? "answered" : error.message),
    );
  };

  it("hang one by one: the other goes on answering", async () => {
    const host = pool.hosts[1]!.name;
    await pool.act({ action: "hang-xapi", host });
    expect([await ask(0, 2_000), await ask(1, 300)]).toEqual([
      "logged in",
      "The operation was aborted",
    ]);
    await pool.act({ action: "resume-xapi", host });
    expect(await ask(1, 2_000)).toBe("answered");
  });

  it("lose power one by one, and come back", async () => {
    const host = pool.hosts[1]!.name;
    await pool.act({ action: "cut-power", host });
    expect(await ask(0, 2_000)).toBe("logged in");
    expect(await ask(1, 2_000)).toMatch(/ECONNREFUSED/u);
    await pool.act({ action: "power-on", host });
    const demo = createDemoControl({ timing: "fast", running: pool });
    await stateWith(demo, (state) => state.hosts[1]?.xapi === "running");
    expect(await ask(1, 2_000)).toBe("answered");
  });
});
