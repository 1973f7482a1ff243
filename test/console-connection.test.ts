import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { OutcomeUnknown, XapiFailure } from "../main/console/pool-session.ts";
import type { RecordChange } from "../main/console/xapi/record-store.ts";
import { parseAddress } from "../main/console/xapi/address.ts";
import { PoolLink } from "../main/console/xapi/pool-link.ts";
import { linkTiming } from "../main/console/xapi/timing.ts";
import { openTrust } from "../main/console/xapi/trust.ts";
import type { TrustStore } from "../main/console/xapi/trust.ts";
import { memoryState } from "../main/shells/memory-stores.ts";
import { systemClock } from "../main/shells/system-clock.ts";
import { scriptedPassword, startScriptedXapi } from "./scripted-xapi.ts";
import type { ScriptedXapi, Scripted } from "./scripted-xapi.ts";

/* One link against a XAPI that misbehaves on purpose, in ways a real one does rarely. */

const poolUuid = "57cd528c-0000-4000-8000-000000000001";
/** Everything quicker, in the same order; the arithmetic of the real ones is in `timing.ts`. */
const timing = {
  ...linkTiming,
  eventWaitMs: 300,
  eventGraceMs: 600,
  connectMs: 500,
  loginMs: 1_000,
  retryFirstMs: 30,
  retryMaxMs: 100,
  taskLookMs: 100,
};
const patienceMs = 10_000;
const credentials = { user: "root", password: scriptedPassword };

let xapi: ScriptedXapi;
let trust: TrustStore;
let link: PoolLink;
let changes: RecordChange[];
let unexpected: unknown[];

beforeEach(async () => {
  xapi = await startScriptedXapi();
  trust = await openTrust(memoryState());
  const fingerprint = xapi.fingerprint;
  await trust.trust(parseAddress(xapi.address), { fingerprint, origin: "person", atMs: 0 });
  changes = [];
  unexpected = [];
  link = new PoolLink({
    poolId: "one",
    poolUuid,
    members: [{ address: parseAddress(xapi.address), name: "host one" }],
    addressMap: {},
    trust,
    clock: systemClock,
    timing,
    onFacts: {
      replaced: () => undefined,
      changed: (batch) => changes.push(...batch),
      connectionChanged: () => undefined,
    },
    onMembers: () => undefined,
    onUnexpected: (error) => unexpected.push(error),
  });
  link.start(credentials, null);
  await link.untilLive(patienceMs);
});
afterEach(async () => {
  await link.stop();
  await xapi.close();
  expect(unexpected).toEqual([]);
});

type Status = ReturnType<PoolLink["connection"]>["status"];

function until(status: Status): Promise<void> {
  if (link.connection().status === status) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`never ${status}: ${JSON.stringify(link.connection())}`)),
      patienceMs,
    );
    const stop = link.onChange(() => {
      if (link.connection().status !== status) return;
      clearTimeout(timer);
      stop();
      resolve();
    });
  });
}

function errorNow() {
  const connection = link.connection();
  if (!("error" in connection)) throw new Error(`no error while ${connection.status}`);
  return connection.error;
}

/** The next answers to a method, in turn; afterwards the usual ones. */
function answerNext(method: string, answers: Scripted[]): void {
  xapi.script = (asked) => (asked === method ? answers.shift() : undefined);
}

const refusedLogin: Scripted = { failure: ["SESSION_AUTHENTICATION_FAILED", "root", "no"] };

describe("logging in again", () => {
  it("survives twenty restarts with refused logins in between", async () => {
    for (let round = 0; round < 20; round += 1) {
      answerNext("session.login_with_password", [refusedLogin, refusedLogin]);
      xapi.restart();
      await until("stale");
      await until("live");
    }
    expect(link.records().all("VM").size).toBe(2);
  });

  it("asks a person once the password stays refused, and stops trying", async () => {
    answerNext(
      "session.login_with_password",
      Array.from({ length: 9 }, () => refusedLogin),
    );
    xapi.restart();
    await until("needs-password");
    const logins = (): number =>
      xapi.calls.filter((call) => call.method === "session.login_with_password").length;
    const before = logins();
    await systemClock.sleep(400);
    expect(logins()).toBe(before);
    expect(errorNow().code).toBe("wrong-password");
    xapi.script = () => undefined;
    link.start(credentials, null);
    await until("live");
  });

  it("understands a host in emergency mode, whose answers have a form of their own", async () => {
    xapi.script = () => ({
      raw: JSON.stringify({ jsonrpc: "2.0", id: 0, error: ["HOST_STILL_BOOTING"] }),
    });
    xapi.restart();
    await until("stale");
    await systemClock.sleep(200);
    expect(errorNow()).toMatchObject({
      code: "HOST_STILL_BOOTING",
      sentence: `Host “host one” (${xapi.address}): The host is still starting.`,
    });
    xapi.script = () => undefined;
    await until("live");
  });

  it("a peer that falls silent right after the login does not hold it up", async () => {
    let silent = true;
    let asked = 0;
    xapi.script = (method) => {
      if (method === "system.listMethods") asked += 1;
      return silent && method === "system.listMethods" ? "hang" : undefined;
    };
    xapi.restart();
    await until("stale");
    const startedMs = performance.now();
    while (asked < 2) await systemClock.sleep(20);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    silent = false;
    await until("live");
  });

  it("never adopts the coordinator of another pool", async () => {
    xapi.records["pool"]!["OpaqueRef:p"]!["uuid"] = "57cd528c-0000-4000-8000-00000000dead";
    xapi.records["VM"] = {};
    xapi.restart();
    await until("stale");
    await systemClock.sleep(300);
    expect(errorNow().code).toBe("other-pool");
    expect(link.records().all("VM").size).toBe(2);
    const { calls } = xapi;
    expect(calls.findLast((call) => call.method === "session.logout")).toBeDefined();
  });

  it("sends no password to a coordinator whose certificate nobody has seen", async () => {
    const stranger = await startScriptedXapi("127.0.0.2").catch(() => null);
    if (stranger === null) return;
    const port = xapi.address.split(":")[1];
    xapi.script = (method) =>
      method === "session.login_with_password"
        ? { failure: ["HOST_IS_SLAVE", "127.0.0.2"] }
        : undefined;
    // The redirect keeps the port; the map leads that address to the stranger.
    await link.stop();
    const mapped = new PoolLink({
      poolId: "two",
      poolUuid,
      members: [{ address: parseAddress(xapi.address), name: "host one" }],
      addressMap: { [`127.0.0.2:${port}`]: stranger.address },
      trust,
      clock: systemClock,
      timing,
      onFacts: {
        replaced: () => undefined,
        changed: () => undefined,
        connectionChanged: () => undefined,
      },
      onMembers: () => undefined,
      onUnexpected: (error) => unexpected.push(error),
    });
    mapped.start(credentials, null);
    await systemClock.sleep(500);
    const connection = mapped.connection();
    expect(connection.status === "stale" ? connection.error.code : connection.status).toBe(
      "unseen-certificate",
    );
    expect(stranger.calls).toEqual([]);
    await mapped.stop();
    await stranger.close();
  });
});

describe("facts", () => {
  it("calls a peer stale that answers everything but the event call", async () => {
    xapi.script = (method) => (method === "event.from" ? "hang" : undefined);
    await until("stale");
    expect(errorNow().code).toBe("no-answer");
    xapi.script = () => undefined;
    await until("live");
  });

  it("notices a deletion that XAPI kept silent about", async () => {
    delete xapi.records["VM"]!["OpaqueRef:v2"];
    await link.untilFacts("VM two is gone", (records) => records.all("VM").size === 1, patienceMs);
    expect(changes.find((change) => change.ref === "OpaqueRef:v2")?.after).toBeUndefined();
  });

  it("does not list for ever when a peer counts in another way", async () => {
    const lists = (): number =>
      xapi.calls.filter((call) => call.method === "VM.get_all_records").length;
    const before = lists();
    xapi.countsOff = { VM: 3 };
    await systemClock.sleep(2_000);
    expect(lists() - before).toBe(1);
  });

  it("applies what happened while the first picture was being listed", async () => {
    let told = false;
    xapi.script = (method) => {
      if (method !== "VM.get_all_records" || told) return undefined;
      told = true;
      const stale = { ...xapi.records["VM"] };
      delete xapi.records["VM"]!["OpaqueRef:v1"];
      xapi.tell([{ class: "vm", operation: "del", ref: "OpaqueRef:v1" }]);
      return { result: stale };
    };
    xapi.restart();
    await until("stale");
    await until("live");
    await link.untilFacts("only two", (records) => records.all("VM").size === 1, patienceMs);
    expect([...link.records().all("VM").keys()]).toEqual(["OpaqueRef:v2"]);
  });
});

describe("calls", () => {
  it("one that met a dead session is made again, because XAPI had not begun it", async () => {
    let refused = 0;
    xapi.script = (method) => {
      if (method !== "VM.set_order") return undefined;
      refused += 1;
      if (refused > 1) return { result: "" };
      xapi.restart();
      return { failure: ["SESSION_INVALID", "OpaqueRef:old"] };
    };
    expect(await link.call("VM.set_order", "OpaqueRef:v1", 3)).toBe("");
    expect(refused).toBe(2);
  });

  it("one that got no answer has an unknown outcome and is not repeated", async () => {
    let asked = 0;
    xapi.script = (method) => {
      if (method === "VM.start") asked += 1;
      return method === "VM.start" || method === "event.from" ? "hang" : undefined;
    };
    await expect(link.call("VM.start", "OpaqueRef:v1")).rejects.toBeInstanceOf(OutcomeUnknown);
    expect(asked).toBe(1);
  });

  it("without a connection nothing is sent", async () => {
    xapi.script = () => "hang";
    await until("stale");
    const failure = await link.call("VM.start", "OpaqueRef:v1").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(XapiFailure);
    expect((failure as XapiFailure).code).toBe("NOT_CONNECTED");
    expect(xapi.calls.some((call) => call.method === "VM.start")).toBe(false);
  });

  it("a task that ends gives its result without the markup, and is cleared away", async () => {
    const task = { uuid: "", status: "pending", progress: 0, result: "", error_info: [] };
    const progress: number[] = [];
    xapi.script = (method) => {
      if (method === "Async.VM.start") {
        xapi.tell([{ class: "task", operation: "add", ref: "OpaqueRef:t", snapshot: task }]);
        setTimeout(() => {
          const done = { ...task, status: "success", progress: 1, result: "<value>a&lt;b</value>" };
          xapi.tell([{ class: "task", operation: "mod", ref: "OpaqueRef:t", snapshot: done }]);
        }, 250);
        return { result: "OpaqueRef:t" };
      }
      if (method === "task.get_record") return { result: task };
      return method === "task.destroy" ? { result: "" } : undefined;
    };
    const result = await link.callTask("VM.start", ["OpaqueRef:v1"], {
      onProgress: (value) => progress.push(value),
    });
    expect(result).toBe("a<b");
    expect(progress.at(-1)).toBe(1);
    expect(xapi.calls.at(-1)?.method === "task.destroy" || progress.length > 1).toBe(true);
    expect(xapi.calls.filter((call) => call.method === "task.destroy")).toHaveLength(1);
  });

  it("a task that failed throws XAPI's code; one that vanished has an unknown outcome", async () => {
    xapi.script = (method) => {
      if (method.startsWith("Async.")) return { result: "OpaqueRef:t" };
      if (method !== "task.get_record")
        return method === "task.destroy" ? { result: "" } : undefined;
      return {
        result: { status: "failure", error_info: ["VM_BAD_POWER_STATE", "a", "b", "c"] },
      };
    };
    await expect(link.callTask("VM.start", [])).rejects.toMatchObject({
      code: "VM_BAD_POWER_STATE",
      params: ["a", "b", "c"],
    });
    xapi.script = (method) => {
      if (method.startsWith("Async.")) return { result: "OpaqueRef:t" };
      return method === "task.get_record"
        ? { failure: ["HANDLE_INVALID", "task", "OpaqueRef:t"] }
        : undefined;
    };
    await expect(link.callTask("VM.start", [])).rejects.toBeInstanceOf(OutcomeUnknown);
  });
});
