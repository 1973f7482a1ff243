import type { DemoPool } from "./demo-pool.ts";
import { callXapi, type RpcTarget } from "./rpc.ts";

const pollMs = 100;
const callTimeoutMs = 5_000;

/** Resolves when root can log in at the coordinator and it calls every host live and enabled. */
export async function waitUntilReady(pool: DemoPool, timeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  let obstacle = "nothing has answered yet";
  while (performance.now() < deadlineMs) {
    const missing = await whatIsMissing(pool);
    if (missing === null) return;
    obstacle = missing;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`the demo pool was not ready within ${timeoutMs / 1000} s: ${obstacle}`);
}

/** Null when nothing is. */
async function whatIsMissing(pool: DemoPool): Promise<string | null> {
  const coordinator = pool.hosts[0];
  if (coordinator === undefined) return "the pool has no host";
  const url = new URL(coordinator.xapiUrl);
  const target: RpcTarget = {
    host: url.hostname,
    port: Number(url.port),
    certificatePem: coordinator.certificatePem,
  };
  const call = (method: string, ...params: readonly unknown[]): Promise<unknown> =>
    callXapi(target, { method, params, signal: AbortSignal.timeout(callTimeoutMs) });
  try {
    const session = await call("session.login_with_password", pool.user, pool.password);
    const hosts = (await call("host.get_all_records", session)) as Record<string, HostFacts>;
    const metrics = (await call("host_metrics.get_all_records", session)) as Record<
      string,
      { readonly live: boolean }
    >;
    await call("session.logout", session);
    const absent = Object.values(hosts).filter(
      (host) => !host.enabled || metrics[host.metrics]?.live !== true,
    );
    return absent.length === 0
      ? null
      : `${absent.map((host) => host.name_label).join(", ")} not enabled`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

interface HostFacts {
  readonly name_label: string;
  readonly enabled: boolean;
  readonly metrics: string;
}
