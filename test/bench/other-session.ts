import { Agent, request } from "undici";
import type { DemoPool } from "../../main/demo/demo-pool.ts";

/** Somebody else at the coordinator: a session of its own that Skink knows nothing about. */
export interface OtherSession {
  call(method: string, ...params: readonly unknown[]): Promise<unknown>;
  close(): Promise<void>;
}

export async function openOtherSession(pool: DemoPool): Promise<OtherSession> {
  const [coordinator] = pool.hosts;
  if (coordinator === undefined) {
    throw new Error("the demo pool has no host");
  }
  const agent = new Agent({
    connect: { ca: coordinator.certificatePem, checkServerIdentity: () => undefined },
  });
  const call = async (method: string, params: readonly unknown[]): Promise<unknown> => {
    const answer = await request(`${coordinator.xapiUrl}/jsonrpc`, {
      dispatcher: agent,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const body = (await answer.body.json()) as { result?: unknown; error?: { message: string } };
    if (body.error != null) {
      throw new Error(`${method}: ${body.error.message}`);
    }
    return body.result;
  };
  const session = await call("session.login_with_password", [
    pool.user,
    pool.password,
    "1.0",
    "skink-bench",
  ]);
  return {
    call: (method, ...params) => call(method, [session, ...params]),
    async close() {
      await call("session.logout", [session]);
      await agent.close();
    },
  };
}
