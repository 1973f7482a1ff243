import { callXapi } from "./rpc.ts";

/**
 * What the service scripts of dom0 do before XAPI itself is stopped: they ask it, over its socket
 * and as root, to move or shut down the guests and to leave native HA. Waits as long as XAPI does,
 * which may be very long (a supporter without a coordinator never answers); a refusal ends it.
 */
export async function prepareForPoweroff(host: {
  readonly socketPath: string;
  readonly hostUuid: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const target = { socketPath: host.socketPath };
  const { signal } = host;
  await ignoreRefusal(async () => {
    const login = { method: "session.login_with_password", params: ["root", ""], signal };
    const session = await callXapi(target, login);
    const ref = await callXapi(target, {
      method: "host.get_by_uuid",
      params: [session, host.hostUuid],
      signal,
    });
    await callXapi(target, {
      method: "host.prepare_for_poweroff",
      params: [session, ref],
      signal,
    });
  });
  await ignoreRefusal(async () => {
    const login = {
      method: "session.slave_local_login_with_password",
      params: ["root", ""],
      signal,
    };
    const session = await callXapi(target, login);
    await callXapi(target, {
      method: "host.emergency_ha_disable",
      params: [session, true],
      signal,
    });
  });
}

/** The scripts go on whatever XAPI says: a machine that is told to go down goes down. */
async function ignoreRefusal(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch {
    // Refused, or XAPI is gone.
  }
}
