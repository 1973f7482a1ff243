import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findChromium } from "../../build/chromium.ts";
import { startDemoPool } from "../../main/demo/demo-pool.ts";
import type { DemoHost, DemoPool } from "../../main/demo/demo-pool.ts";
import { callXapi } from "../../main/demo/rpc.ts";
import { launchChromium } from "../browser/chromium.ts";
import { startConsole } from "../look/console-process.ts";
import type { ConsoleProcess } from "../look/console-process.ts";
import { connectDialog } from "./pages/connect-dialog.ts";
import { haPage } from "./pages/ha.ts";
import { overviewPage } from "./pages/overview.ts";
import { rebootPage } from "./pages/reboot.ts";
import { vmsPage } from "./pages/vms.ts";
import { welcomePage } from "./pages/welcome.ts";
import { windowOf } from "./pages/window.ts";

/*
 * What the product is for, as one person lives it: a console that knows no pool yet, a pool of two
 * hosts on real wires, and everything through the window alone. What the pool itself says
 * afterwards is asked by a session of its own, past the console.
 */
const patienceMs = 60_000;
const heartbeatSr = "NFS Speicher";

interface Estate {
  readonly vms: Readonly<Record<string, string>>;
  readonly ha: string;
  readonly poolConfig: Readonly<Record<string, string>>;
  readonly hosts: Readonly<Record<string, string>>;
}

/** One question to the pool itself, with a session of its own. */
async function asAdmin<T>(pool: DemoPool, ask: (call: Call) => Promise<T>): Promise<T> {
  const host = await coordinatorOf(pool);
  const url = new URL(host.xapiUrl);
  const target = {
    host: url.hostname,
    port: Number(url.port),
    certificatePem: host.certificatePem,
  };
  const rpc = (method: string, params: unknown[]): Promise<unknown> =>
    callXapi(target, { method, params, signal: AbortSignal.timeout(patienceMs) });
  const session = await rpc("session.login_with_password", [pool.user, pool.password]);
  return ask((method, ...params) => rpc(method, [session, ...params]));
}

type Call = (method: string, ...params: unknown[]) => Promise<unknown>;
type Row = Readonly<Record<string, unknown>>;

async function coordinatorOf(pool: DemoPool): Promise<DemoHost> {
  for (const host of pool.hosts) {
    const url = new URL(host.xapiUrl);
    const target = {
      host: url.hostname,
      port: Number(url.port),
      certificatePem: host.certificatePem,
    };
    const answered = await callXapi(target, {
      method: "session.login_with_password",
      params: [pool.user, pool.password],
      signal: AbortSignal.timeout(patienceMs),
    }).then(
      () => true,
      () => false,
    );
    if (answered) return host;
  }
  throw new Error("no host of the demo pool is coordinator");
}

const rows = async (call: Call, name: string): Promise<readonly [string, Row][]> =>
  Object.entries((await call(`${name}.get_all_records`)) as Record<string, Row>);

/** All that a reboot must leave as it found it. */
async function estateOf(pool: DemoPool): Promise<Estate> {
  return asAdmin(pool, async (call) => {
    const hosts = await rows(call, "host");
    const nameOf = (ref: unknown): string =>
      String(hosts.find(([own]) => own === ref)?.[1]["name_label"] ?? "nowhere");
    const guests = (await rows(call, "VM")).filter(
      ([, vm]) => vm["is_a_template"] !== true && vm["is_control_domain"] !== true,
    );
    const [, poolRow] = (await rows(call, "pool"))[0] ?? ["", {}];
    const { ha_enabled, ha_configuration, ha_host_failures_to_tolerate } = poolRow;
    return {
      vms: Object.fromEntries(
        guests.map(([, vm]) => [
          String(vm["name_label"]),
          `${String(vm["power_state"])} on ${nameOf(vm["resident_on"])}, ` +
            `${String(vm["ha_restart_priority"])} ${String(vm["order"])}`,
        ]),
      ),
      ha: JSON.stringify({ ha_enabled, ha_configuration, ha_host_failures_to_tolerate }),
      poolConfig: poolRow["other_config"] as Record<string, string>,
      hosts: Object.fromEntries(
        hosts.map(([, host]) => {
          const config = host["other_config"] as Record<string, string>;
          const marks = Object.keys(config).filter((key) => key.startsWith("MAINTENANCE"));
          const state = host["enabled"] === true ? "enabled" : "disabled";
          return [String(host["name_label"]), `${state} ${marks.join()}`.trim()];
        }),
      ),
    };
  });
}

describe.skipIf(findChromium() === null)("rebooting a host", () => {
  let browser: Browser;
  let pool: DemoPool;
  let consoleOf: ConsoleProcess;
  let page: Page;

  beforeAll(async () => {
    [browser, pool, consoleOf] = await Promise.all([
      launchChromium(),
      startDemoPool({ preset: "two", timing: "fast" }),
      startConsole("without-demo"),
    ]);
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(20_000);
    page = await context.newPage();
    await page.goto(consoleOf.url);
  });
  afterAll(async () => {
    await browser.close();
    await consoleOf.stop();
    await pool.stop();
  });

  const first = (): DemoHost => pool.hosts[0] as DemoHost;

  test("a person connects by address, compares the fingerprint, and the pool is live", async () => {
    await welcomePage(page).connect.click();
    const dialog = connectDialog(page);
    const login = { address: first().xapiUrl, user: pool.user, password: pool.password };
    await dialog.fill(login);
    await dialog.submit.click();
    await dialog.presentedFingerprint.waitFor();
    const shown = (await dialog.presentedFingerprint.innerText()).replaceAll(/[^0-9A-F]/gu, "");
    expect(shown).toContain(first().certificateFingerprint.replaceAll(":", ""));
    await dialog.trust.click();
    await windowOf(page).untilLive(patienceMs);
  });

  test("the verdict says why, and that nothing protects the pool yet", async () => {
    const overview = overviewPage(page);
    await overview.answer(first().name).getByText("Safe if you acknowledge").waitFor();
    await windowOf(page).verdict.filter({ hasText: "Unprotected" }).waitFor();
    await overview.engine.getByText("Nothing restarts VMs").first().waitFor();
  });

  test("an edited order reaches XAPI", async () => {
    await windowOf(page).goTo("VMs");
    const vms = vmsPage(page);
    await vms.setOrder("ERP Datenbank", 7);
    await vms.apply.click();
    await expect
      .poll(async () => (await estateOf(pool)).vms["ERP Datenbank"], { timeout: patienceMs })
      .toMatch(/ 7$/u);
  });

  test("native HA goes on, and only then the pool is called protected", async () => {
    await windowOf(page).goTo("High availability");
    await haPage(page).turnOn(heartbeatSr);
    await windowOf(page)
      .verdict.filter({ hasText: /^Protected$/u })
      .waitFor({ timeout: patienceMs });
  });

  test("the coordinator reboots through the wizard; all is back as before", async () => {
    const before = await estateOf(pool);
    await reboot(page, first().name);
    const reboots = rebootPage(page);
    await reboots.outcome.waitFor({ timeout: 3 * patienceMs });
    expect(await reboots.outcome.getAttribute("data-end")).toBe("done");
    await reboots.comparison.waitFor();
    const after = await estateOf(pool);
    expect(after).toEqual(before);
    expect((await coordinatorOf(pool)).name).not.toBe(first().name);
    await windowOf(page)
      .verdict.filter({ hasText: /^Protected$/u })
      .waitFor({ timeout: patienceMs });
    await reboots.closeReport.click();
  });

  test("an evacuation that fails half way is put back, HA included", async () => {
    const coordinator = await coordinatorOf(pool);
    const before = await estateOf(pool);
    await reboot(page, coordinator.name);
    const blocked = await blockTheLastToMove(pool, coordinator.name);
    const reboots = rebootPage(page);
    await reboots.outcome.waitFor({ timeout: 3 * patienceMs });
    expect(await reboots.outcome.getAttribute("data-end")).toBe("put-back");
    expect(await reboots.outcome.innerText()).toContain(blocked);
    expect(await reboots.outcome.innerText()).not.toContain("OpaqueRef");
    expect(await estateOf(pool)).toEqual(before);
    await reboots.closeReport.click();
  });
});

async function reboot(page: Page, host: string): Promise<void> {
  await windowOf(page).goTo("Reboot");
  const reboots = rebootPage(page);
  await reboots.choose(host).click();
  // Right after HA went on, hosts have not reported their heartbeats yet and the answer is no.
  await reboots.verdict(host).getByText(/^Safe/u).first().waitFor({ timeout: patienceMs });
  await reboots.acknowledgeAll();
  await reboots.typedName.fill(host);
  await reboots.start.click();
  await reboots.phases.waitFor();
}

/** Another admin forbids the move of the smallest guest while the first one is on its way. */
async function blockTheLastToMove(pool: DemoPool, hostName: string): Promise<string> {
  for (;;) {
    const name = await asAdmin(pool, async (call) => {
      const host = (await rows(call, "host")).find(([, row]) => row["name_label"] === hostName);
      const config = (host?.[1]["other_config"] ?? {}) as Record<string, string>;
      if (host === undefined || config["MAINTENANCE_MODE"] === undefined) return null;
      const guests = (await rows(call, "VM"))
        .filter(([, vm]) => vm["resident_on"] === host[0] && vm["is_control_domain"] !== true)
        .toSorted((a, b) => Number(a[1]["memory_static_max"]) - Number(b[1]["memory_static_max"]));
      const last = guests[0];
      if (last === undefined) throw new Error("the host is empty already: too late to block");
      await call("VM.add_to_blocked_operations", last[0], "pool_migrate", "Umzug verboten");
      return String(last[1]["name_label"]);
    }).catch(() => null);
    if (name !== null) return name;
  }
}
