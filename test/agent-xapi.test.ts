import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultAgentSettings } from "../host-agent/contract/settings.ts";
import { callXapi } from "../host-agent/daemon/adapters/xapi-client.ts";
import { startDemoPool } from "../main/demo/demo-pool.ts";
import type { DemoPool } from "../main/demo/demo-pool.ts";
import { AgentPool, sourceProgram, until } from "./agents/agent-process.ts";

/**
 * An agent beside the XAPI of each of two virtual hosts: what it reads there, also when XAPI hangs.
 */

let demo: DemoPool;
let pool: AgentPool;

beforeAll(async () => {
  demo = await startDemoPool({ preset: "two", timing: "fast" });
  pool = new AgentPool({ hosts: ["a", "b"], paths: ["mgmt"], net: 51 });
  for (const [index, host] of ["a", "b"].entries()) {
    const { socketPath, folder } = hostAt(index);
    const stands = ["--xapi-socket", socketPath, "--domains-file", join(folder, "domains.json")];
    pool.start(host, sourceProgram, stands);
  }
  await pool.allHeard(["a", "b"]);
});

afterAll(async () => {
  await pool.end();
  await demo.stop();
});

function hostAt(index: number): DemoPool["hosts"][number] {
  const host = demo.hosts[index];
  if (host === undefined) throw new Error(`the pool has no host ${index}`);
  return host;
}

/** Puts this text where the console puts settings. */
async function putSettings(text: string): Promise<void> {
  const call = async (method: string, params: readonly unknown[]): Promise<unknown> => {
    const { socketPath: socket } = hostAt(0);
    const answer = await callXapi({ socket, method, params, timeoutMs: 5_000 });
    if (answer.status !== "answered") throw new Error(`${method}: ${JSON.stringify(answer)}`);
    return answer.result;
  };
  const session = await call("session.login_with_password", ["root", "", "1.1", "agent-test"]);
  const [self] = (await call("pool.get_all", [session])) as [string];
  await call("pool.remove_from_other_config", [session, self, "skink.settings"]);
  await call("pool.add_to_other_config", [session, self, "skink.settings", text]);
  await call("session.logout", [session]);
}

test("sees the guests that run on its own host, and XAPI's life, on coordinator and supporter", async () => {
  const guests: string[][] = [];
  for (const host of ["a", "b"]) {
    await until("XAPI answers", async () => (await pool.status(host)).xapi.state === "answers");
    guests.push((await pool.status(host)).domains.map(({ vm }) => vm));
  }
  expect(guests.flat().length).toBeGreaterThan(2);
  expect(new Set(guests.flat()).size).toBe(guests.flat().length);
});

test("settings of the pool come into force on every host; refused ones change nothing", async () => {
  const settings = { ...defaultAgentSettings, revision: 7, suspectAfterMissedBeats: 8 };
  await putSettings(JSON.stringify(settings));
  for (const host of ["a", "b"]) {
    await until("in force", async () => (await pool.status(host)).settings.revision === 7);
    expect((await pool.status(host)).paths[0]?.suspectAfterMs).toBe(4_000);
  }
  await putSettings(JSON.stringify({ ...settings, revision: 8, beatIntervalMs: 3 }));
  for (const host of ["a", "b"]) {
    await until("refused", async () => (await pool.status(host)).settings.problems.length > 0);
    expect((await pool.status(host)).settings).toMatchObject({ revision: 7, source: "pool" });
    expect(pool.of(host, "SettingsRefused")[0]?.event).toMatchObject({
      revision: 8,
      keptRevision: 7,
    });
  }
  await pool.stop("a", "SIGKILL");
  pool.start("a");
  await until("a is up", () => pool.isUp("a"));
  expect((await pool.status("a")).settings).toMatchObject({ revision: 7, source: "last-valid" });
});

test("a coordinator whose XAPI hangs leaves every agent answering, heard and hearing", async () => {
  await demo.act({ action: "hang-xapi", host: hostAt(0).name });
  await pool.stop("a", "SIGTERM");
  pool.start("a", sourceProgram, ["--xapi-socket", hostAt(0).socketPath]);
  await until("silence of XAPI", () => pool.of("a", "XapiSilent").length > 0);
  await pool.allHeard(["a", "b"]);
  expect(pool.run("a", "status", "--json").tookMs).toBeLessThan(2_000);
  expect(pool.of("b", "HostSuspected")).toEqual([]);
  await demo.act({ action: "resume-xapi", host: hostAt(0).name });
  await until("XAPI answers again", () => pool.of("a", "XapiAnswered").length === 1);
});
