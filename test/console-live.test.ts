import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "node:tls";
import type { Server } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fingerprintOf, makeCertificate } from "../host-agent/xapi-host/certificate.ts";
import { certificateFile, certificateKeyFile } from "../host-agent/xapi-host/settings.ts";
import type { Connection, KnownPool, PoolFactsItem } from "../main/contract/pool.ts";
import { createConsole } from "../main/console/console.ts";
import type { ConsoleBackend } from "../main/console/console.ts";
import type { StateStore } from "../main/console/ports.ts";
import { startDemoPool } from "../main/demo/demo-pool.ts";
import type { DemoHost, DemoPool } from "../main/demo/demo-pool.ts";
import { callXapi } from "../main/demo/rpc.ts";
import { memorySecrets } from "../main/shells/memory-stores.ts";
import { systemClock } from "../main/shells/system-clock.ts";
import { memoryPipePair } from "../main/shells/transport/memory-pipe.ts";
import { openWindow, Refused } from "./console-window.ts";
import type { Window } from "./console-window.ts";

/* The console against a real pool of virtual hosts: real processes, real TLS, real silence. */

const patienceMs = 30_000;

let pool: DemoPool;
let first: DemoHost;
let second: DemoHost;
let backend: ConsoleBackend;
let window: Window;
let documents: Map<string, string>;

beforeAll(async () => {
  pool = await startDemoPool({ preset: "two", timing: "fast" });
  [first, second] = pool.hosts as [DemoHost, DemoHost];
});
afterAll(() => pool.stop());

beforeEach(() => {
  documents = new Map();
  openConsole();
});
afterEach(() => backend.stop());

function openConsole(secrets = memorySecrets()): void {
  const store: StateStore = {
    read: (name) => {
      const text = documents.get(name);
      return Promise.resolve(text === undefined ? null : (JSON.parse(text) as unknown));
    },
    write: (name, value) => {
      documents.set(name, JSON.stringify(value));
      return Promise.resolve();
    },
  };
  backend = createConsole({
    clock: systemClock,
    secrets,
    store,
    demo: null,
    shell: "memory",
    owner: "ana@jump-host",
  });
  const [mine, served] = memoryPipePair();
  backend.accept(served);
  window = openWindow(mine);
}

async function refusal(asked: Promise<unknown>): Promise<Refused["error"]> {
  const error = await asked.then(
    () => null,
    (failure: unknown) => failure,
  );
  if (error instanceof Refused) return error.error;
  throw new Error("it was not refused", { cause: error });
}

function connectTo(host: DemoHost, more: object = {}): Promise<{ poolId: string }> {
  return window.ask("pools.connect", {
    address: host.xapiUrl,
    user: pool.user,
    password: pool.password,
    trustFingerprint: host.certificateFingerprint,
    remember: false,
    ...more,
  });
}

/** Whoever is coordinator now; earlier stories may have handed the role over. */
async function coordinator(): Promise<DemoHost> {
  const probed = await window.ask("pools.probe", { address: first.xapiUrl });
  return probed.role === "coordinator" ? first : second;
}

interface Seen {
  readonly known: () => KnownPool | undefined;
  /** resolves with the time it took */
  until(what: string, holds: (pool: KnownPool) => boolean, withinMs?: number): Promise<number>;
}

function watchPool(poolId: string): Seen {
  let known: KnownPool | undefined;
  const waiting = new Set<() => void>();
  window.watch("pools.watch", {}, ({ pools }) => {
    known = pools.find((one) => one.poolId === poolId);
    for (const look of waiting) look();
  });
  return {
    known: () => known,
    until(what, holds, withinMs = patienceMs) {
      const startedMs = performance.now();
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`not within ${withinMs} ms: ${what}; ${JSON.stringify(known)}`));
        }, withinMs);
        const look = (): void => {
          if (known === undefined || !holds(known)) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(performance.now() - startedMs);
        };
        waiting.add(look);
        look();
      });
    },
  };
}

const isLive = (known: KnownPool): boolean => known.connection.status === "live";
const status =
  (wanted: Connection["status"]) =>
  (known: KnownPool): boolean =>
    known.connection.status === wanted;

async function rpc(host: DemoHost, method: string, ...params: unknown[]): Promise<unknown> {
  const url = new URL(host.xapiUrl);
  const target = {
    host: url.hostname,
    port: Number(url.port),
    certificatePem: host.certificatePem,
  };
  return callXapi(target, { method, params, signal: AbortSignal.timeout(patienceMs) });
}

async function withSession<T>(host: DemoHost, work: (session: string) => Promise<T>): Promise<T> {
  const session = String(await rpc(host, "session.login_with_password", pool.user, pool.password));
  return work(session);
}

describe("connecting", () => {
  it("shows what an address is without a password, and whether its certificate is known", async () => {
    const [asCoordinator, asSupporter] = await Promise.all([
      window.ask("pools.probe", { address: first.xapiUrl }),
      window.ask("pools.probe", { address: second.xapiUrl }),
    ]);
    expect(asCoordinator).toMatchObject({
      role: "coordinator",
      fingerprint: first.certificateFingerprint,
      subject: first.name,
      trust: "first-use",
      trustedFingerprint: null,
      coordinatorCertificate: null,
    });
    expect(asSupporter).toMatchObject({
      role: "supporter",
      coordinatorAddress: `${first.address}:${pool.port}`,
      coordinatorCertificate: {
        fingerprint: first.certificateFingerprint,
        trust: "first-use",
      },
    });
  });

  it("becomes live and tells every change as it happens", async () => {
    const { poolId } = await connectTo(first);
    const seen = watchPool(poolId);
    await seen.until("live", isLive);
    expect(seen.known()).toMatchObject({ name: pool.name, hostCount: 2, vmCount: 12 });

    const items: PoolFactsItem[] = [];
    window.watch("pool.watch", { poolId }, (item) => items.push(item));
    await eventually(() => items.some((item) => item.kind === "snapshot"));
    const vm = items.flatMap((item) => (item.kind === "snapshot" ? item.vms : [])).at(0);
    expect(vm).toBeDefined();
    await withSession(first, async (session) => {
      const ref = await rpc(first, "VM.get_by_uuid", session, vm?.uuid);
      await rpc(first, "VM.set_name_label", session, ref, "Neuer Name");
    });
    await eventually(() =>
      items.some((item) => item.kind === "patch" && item.vms?.upsert[0]?.name === "Neuer Name"),
    );
    const patch = items.findLast((item) => item.kind === "patch" && item.vms !== undefined);
    expect(patch?.kind === "patch" ? patch.vms?.upsert.length : 0).toBe(1);
  });

  it("by a supporter works once the coordinator's certificate was accepted too", async () => {
    const error = await refusal(connectTo(second));
    expect(error.code).toBe("coordinator-not-trusted");
    expect(error.sentence).toContain(first.address);

    const { poolId } = await connectTo(second, {
      trustCoordinatorFingerprint: first.certificateFingerprint,
    });
    await watchPool(poolId).until("live", isLive);
  });

  it("names what went wrong and what to do", async () => {
    const wrong = await refusal(connectTo(first, { password: "not-it" }));
    expect(wrong).toMatchObject({
      code: "wrong-password",
      nextStep: "Check both and enter the password again.",
    });
    const nobody = await refusal(
      window.ask("pools.probe", { address: `127.77.254.9:${pool.port}` }),
    );
    expect(nobody.code).toBe("refused-connection");
    const unknown = await refusal(
      connectTo(first, { trustFingerprint: second.certificateFingerprint }),
    );
    expect(unknown.code).toBe("changed-certificate");
    const noTls = await withTcpServer((port) =>
      refusal(window.ask("pools.probe", { address: `127.0.0.1:${port}` })),
    );
    expect(noTls.code).toBe("no-tls");
    const web = await withWebServer((port) =>
      refusal(window.ask("pools.probe", { address: `127.0.0.1:${port}` })),
    );
    expect(web.code).toBe("not-a-xapi");
    for (const error of [wrong, nobody, unknown, noTls, web]) {
      expect(error.sentence).toMatch(/\.$/u);
      expect(error.nextStep).toMatch(/\.$/u);
    }
  });

  it("connecting again to the same pool by another member gives the pool that is known", async () => {
    const one = await connectTo(first);
    await watchPool(one.poolId).until("live", isLive);
    const again = await connectTo(second, {
      trustCoordinatorFingerprint: first.certificateFingerprint,
    });
    expect(again).toEqual(one);
    await watchPool(one.poolId).until("live", isLive);
  });
});

describe("what is remembered", () => {
  it("a kept password connects by itself after a restart; forgetting removes everything", async () => {
    const secrets = { ...memorySecrets(), persistent: true };
    await backend.stop();
    openConsole(secrets);
    const { poolId } = await connectTo(first, { remember: true });
    await watchPool(poolId).until("live", isLive);
    await backend.stop();

    openConsole(secrets);
    const seen = watchPool(poolId);
    await seen.until("live again", isLive);
    expect(seen.known()?.addresses).toContain(`${second.address}:${pool.port}`);
    await window.ask("pools.forget", { poolId });
    expect(await secrets.get(poolId)).toBeNull();
    expect(JSON.parse(documents.get("known-pools") ?? "")).toEqual({ version: 1, pools: [] });
    expect(JSON.parse(documents.get("trusted-certificates") ?? "")).toEqual({
      version: 1,
      certificates: {},
    });
  });

  it("all members are trusted through the coordinator's records before they are needed", async () => {
    const { poolId } = await connectTo(first);
    await watchPool(poolId).until("live", isLive);
    await eventually(() => (documents.get("trusted-certificates") ?? "").includes("pool-records"));
    const stored = JSON.parse(documents.get("trusted-certificates") ?? "") as {
      certificates: Record<string, { fingerprint: string; origin: string }>;
    };
    expect(stored.certificates[`${first.address}:${pool.port}`]).toMatchObject({
      fingerprint: first.certificateFingerprint,
      origin: "person",
    });
    expect(stored.certificates[`${second.address}:${pool.port}`]).toMatchObject({
      fingerprint: second.certificateFingerprint,
      origin: "pool-records",
    });
  });

  it("the password is in nothing that crosses the pipe back, is logged, or lies in the store", async () => {
    const logged: string[] = [];
    const log = (warning: Error): void => void logged.push(warning.stack ?? warning.message);
    process.on("warning", log);
    const { poolId } = await connectTo(first);
    const seen = watchPool(poolId);
    await seen.until("live", isLive);
    window.watch("pool.watch", { poolId }, () => undefined);
    await pool.act({ action: "kill-xapi", host: first.name });
    await seen.until("noticed", (known) => !isLive(known));
    await seen.until("live again", isLive);
    await window.ask("pools.disconnect", { poolId });
    const fromBackend = window.traffic.filter((text) => !text.includes('"kind":"request"'));
    expect(fromBackend.length).toBeGreaterThan(3);
    process.off("warning", log);
    for (const text of [...fromBackend, ...logged, ...documents.values()]) {
      expect(text).not.toContain(pool.password);
    }
  });
});

describe("staying connected", () => {
  it("survives twenty restarts and hand-overs", { timeout: 240_000 }, async () => {
    const { poolId } = await connectTo(first);
    const seen = watchPool(poolId);
    await seen.until("live", isLive);
    await eventually(() => (documents.get("trusted-certificates") ?? "").includes("pool-records"));
    for (let round = 0; round < 20; round += 1) {
      const now = await coordinator();
      if (round % 5 === 4) {
        const next = now === first ? second : first;
        await withSession(now, async (session) => {
          const ref = await rpc(now, "host.get_by_uuid", session, next.uuid);
          await rpc(now, "pool.designate_new_master", session, ref);
        });
      } else {
        await pool.act({ action: "kill-xapi", host: now.name });
      }
      await seen.until(`noticed ${round}`, (known) => !isLive(known), 15_000);
      await seen.until(`live ${round}`, isLive, 20_000);
    }
    expect(seen.known()).toMatchObject({ hostCount: 2, vmCount: 12 });
  });

  it("calls a coordinator that hangs stale within 10 s, and is live within 5 s of its return", async () => {
    const now = await coordinator();
    const { poolId } = await connectTo(now);
    const seen = watchPool(poolId);
    await seen.until("live", isLive);
    const verdicts = new Map<string, string>();
    window.watch("pool.watch", { poolId }, (item) => {
      const rows = item.kind === "snapshot" ? item.hosts : (item.hosts?.upsert ?? []);
      for (const row of rows) verdicts.set(row.name, row.verdict.verdict);
    });
    await eventually(() => verdicts.size === 2);
    expect([...verdicts.values()]).not.toContain("unknown");

    await pool.act({ action: "hang-xapi", host: now.name });
    expect(await seen.until("stale", status("stale"), 10_000)).toBeLessThan(10_000);
    await eventually(() => [...verdicts.values()].every((verdict) => verdict === "unknown"));
    expect(seen.known()?.mark).toBe("unknown");
    await wait(4_000);
    await pool.act({ action: "resume-xapi", host: now.name });
    expect(await seen.until("live", isLive, 5_000)).toBeLessThan(5_000);
    await eventually(() => ![...verdicts.values()].includes("unknown"));
  });

  it("the same when the network of the coordinator is cut", async () => {
    const now = await coordinator();
    const other = now === first ? second : first;
    const { poolId } = await connectTo(now);
    const seen = watchPool(poolId);
    await seen.until("live", isLive);
    await eventually(() => (documents.get("trusted-certificates") ?? "").includes("pool-records"));
    await pool.act({ action: "cut-network", host: now.name });
    await seen.until("stale", status("stale"), 10_000);
    await seen.until(
      "the supporter was asked",
      ({ connection }) =>
        connection.status === "stale" && connection.error.code === "coordinator-lost",
    );
    const { connection } = seen.known() ?? {};
    if (connection?.status !== "stale") throw new Error("not stale any more");
    expect(connection.error.sentence).toContain(now.name);
    expect(connection.error.sentence).toContain(other.name);
    expect(connection.error.sentence).toMatch(/since \d\d:\d\d:\d\d/u);
    expect(connection.error.nextStep).toContain("emergency-transition-to-master");
    await pool.act({ action: "restore-network", host: now.name });
    await seen.until("live", isLive, 5_000);
  });
});

describe("a certificate that changes while connected", () => {
  it("stops the reconnect before a byte is sent, and goes on once a person accepts it", async () => {
    const now = await coordinator();
    const { poolId } = await connectTo(now);
    const seen = watchPool(poolId);
    await seen.until("live", isLive);

    // The host is off; somebody with another certificate sits at its address and writes down all.
    await pool.act({ action: "cut-power", host: now.name });
    const impostor = await makeCertificate(now.name, [now.address]);
    const recorded = await recordingServer(now, impostor);
    await seen.until("red stop", status("changed-certificate"), 20_000);
    const { connection } = seen.known() ?? {};
    expect(connection).toMatchObject({
      hostName: now.name,
      trustedFingerprint: now.certificateFingerprint,
      presentedFingerprint: fingerprintOf(impostor.certificatePem),
    });
    await eventually(() => recorded.visits >= 3);
    expect(recorded.bytes).toBe(0);
    await recorded.close();

    // Accepting what is not presented (any more) is refused.
    const refused = await refusal(
      window.ask("pools.acceptCertificate", {
        poolId,
        address: `${now.address}:${pool.port}`,
        fingerprint: fingerprintOf(impostor.certificatePem),
      }),
    );
    expect(refused.code).not.toBe("changed-certificate");

    // The host itself comes back, with a certificate somebody renewed on purpose.
    const renewed = await makeCertificate(now.name, [now.address]);
    writeFileSync(join(now.folder, certificateFile), renewed.certificatePem);
    writeFileSync(join(now.folder, certificateKeyFile), renewed.keyPem);
    await pool.act({ action: "power-on", host: now.name });
    const renewedFingerprint = fingerprintOf(renewed.certificatePem);
    await seen.until(
      "the renewed one is shown",
      ({ connection }) =>
        connection.status === "changed-certificate" &&
        connection.presentedFingerprint === renewedFingerprint,
    );
    await window.ask("pools.acceptCertificate", {
      poolId,
      address: `${now.address}:${pool.port}`,
      fingerprint: renewedFingerprint,
    });
    await seen.until("live", isLive);
  });
});

async function recordingServer(
  host: DemoHost,
  certificate: { readonly certificatePem: string; readonly keyPem: string },
): Promise<{ readonly visits: number; readonly bytes: number; close(): Promise<void> }> {
  const url = new URL(host.xapiUrl);
  const seen = { visits: 0, bytes: 0 };
  const server: Server = createServer(
    { cert: certificate.certificatePem, key: certificate.keyPem },
    (socket) => {
      socket.on("data", (data: Buffer) => {
        seen.bytes += data.length;
      });
      socket.on("error", () => socket.destroy());
    },
  );
  // Before TLS: a visitor who leaves right after the handshake may never count as a connection.
  server.on("connection", () => {
    seen.visits += 1;
  });
  await eventually(
    () =>
      new Promise<boolean>((resolve) => {
        server.once("error", () => resolve(false));
        server.listen(Number(url.port), url.hostname, () => resolve(true));
      }),
  );
  return {
    get visits() {
      return seen.visits;
    },
    get bytes() {
      return seen.bytes;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

async function withTcpServer<T>(work: (port: number) => Promise<T>): Promise<T> {
  const { createServer: createTcp } = await import("node:net");
  const server = createTcp((socket) => socket.end("220 hello\r\n"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  try {
    return await work(typeof bound === "object" && bound !== null ? bound.port : 0);
  } finally {
    server.close();
  }
}

async function withWebServer<T>(work: (port: number) => Promise<T>): Promise<T> {
  const { createServer: createHttps } = await import("node:https");
  const certificate = await makeCertificate("web", ["127.0.0.1"]);
  const server = createHttps(
    { cert: certificate.certificatePem, key: certificate.keyPem },
    (_request, response) => response.end("<html>It works</html>"),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  try {
    return await work(typeof bound === "object" && bound !== null ? bound.port : 0);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function eventually(look: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + patienceMs;
  while (performance.now() < endMs) {
    if (await look()) return;
    await wait(50);
  }
  throw new Error(`never came true: ${look.toString()}`);
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
