import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startDemoPool, type DemoPool } from "../main/demo/demo-pool.ts";
import { callXapi } from "../main/demo/rpc.ts";

async function countGuests(pool: DemoPool): Promise<number> {
  const host = pool.hosts[0]!;
  const url = new URL(host.xapiUrl);
  const target = {
    host: url.hostname,
    port: Number(url.port),
    certificatePem: host.certificatePem,
  };
  const call = (method: string, ...params: readonly unknown[]): Promise<unknown> =>
    callXapi(target, { method, params });
  const session = await call("session.login_with_password", pool.user, pool.password);
  const vms = (await call("VM.get_all_records", session)) as Record<
    string,
    { readonly is_a_template: boolean; readonly is_control_domain: boolean }
  >;
  return Object.values(vms).filter((vm) => !vm.is_a_template && !vm.is_control_domain).length;
}

it.each([
  { preset: "two", hosts: 2, guests: 12, withinMs: 10_000 },
  { preset: "two-8.2", hosts: 2, guests: 12, withinMs: 10_000 },
  { preset: "sixteen", hosts: 16, guests: 400, withinMs: 25_000 },
] as const)(
  "the pool $preset with its own timing is ready within $withinMs ms",
  async ({ preset, hosts, guests, withinMs }) => {
    const startedMs = performance.now();
    const pool = await startDemoPool({ preset, timing: "real" });
    const readyMs = performance.now() - startedMs;
    try {
      expect([pool.hosts.length, await countGuests(pool)]).toEqual([hosts, guests]);
      expect(readyMs).toBeLessThan(withinMs);
    } finally {
      await pool.stop();
    }
  },
  60_000,
);

it("a pool that cannot start says why and leaves nothing behind", async () => {
  const base = mkdtempSync(join(tmpdir(), "skink-refused-"));
  // Every loopback address at once, whichever the pool would have picked.
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, "0.0.0.0", resolve));
  const bound = blocker.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  await expect(
    startDemoPool({ preset: "two", timing: "fast", workDir: base, port }),
  ).rejects.toThrow(`port ${port} is in use`);
  expect(readdirSync(base)).toEqual([]);
  blocker.close();
  rmSync(base, { recursive: true, force: true });
});
