import type { Page } from "playwright-core";
import { breakPanel } from "../e2e/pages/break-panel.ts";
import { connectDialog } from "../e2e/pages/connect-dialog.ts";
import { haPage } from "../e2e/pages/ha.ts";
import { overviewPage } from "../e2e/pages/overview.ts";
import { rebootPage } from "../e2e/pages/reboot.ts";
import { vmsPage } from "../e2e/pages/vms.ts";
import { welcomePage } from "../e2e/pages/welcome.ts";
import { windowOf } from "../e2e/pages/window.ts";
import type { ConsoleFacts } from "./console-process.ts";

/** A screen and how a person gets there from the pool's overview, or from the start screen. */
export interface Screen {
  readonly name: string;
  /** pools that have this screen; all when absent */
  readonly pools?: readonly string[];
  /**
   * the window is on the overview of a demo pool, or on the start screen of a console without one
   */
  open(page: Page, facts: ConsoleFacts): Promise<void>;
  /** puts the pool back where it was changed */
  leave?(page: Page, facts: ConsoleFacts): Promise<void>;
}

const rebootTimeoutMs = 300_000;
const staleTimeoutMs = 30_000;

const nameOf = (facts: ConsoleFacts, index: number): string => facts.hosts[index]?.name ?? "";

const plan = async (page: Page, host: string): Promise<void> => {
  await windowOf(page).goTo("Reboot");
  await rebootPage(page).choose(host).click();
  await rebootPage(page).plan.waitFor();
};

const confirm = async (page: Page, host: string): Promise<void> => {
  await plan(page, host);
  await rebootPage(page).acknowledgeAll();
  await rebootPage(page).typedName.fill(host);
};

/** Screens of a pool; each is reached from the overview. */
export const poolScreens: readonly Screen[] = [
  {
    name: "overview",
    open: (page, facts) => overviewPage(page).row(nameOf(facts, 0)).waitFor(),
  },
  {
    // With two hosts the reasons of both are on screen anyway.
    name: "overview-reasons",
    pools: ["sixteen"],
    open: (page, facts) => overviewPage(page).toggleReasons(nameOf(facts, 0)),
  },
  {
    name: "vms",
    async open(page) {
      await windowOf(page).goTo("VMs");
      await vmsPage(page).table.waitFor();
    },
  },
  {
    name: "vms-edited",
    async open(page) {
      await windowOf(page).goTo("VMs");
      const { table, changes } = vmsPage(page);
      const order = table.getByRole("textbox", { name: /^Order of /u }).first();
      await order.fill("7");
      await order.press("Enter");
      const treatment = table.getByRole("combobox", { name: /^Treatment of /u }).nth(1);
      await treatment.selectOption({ label: "Best effort" });
      await changes.waitFor();
    },
  },
  {
    name: "vms-selected",
    async open(page) {
      await windowOf(page).goTo("VMs");
      const { table, bulkTreatment } = vmsPage(page);
      const boxes = table.getByRole("checkbox", { name: /^Select / });
      await boxes.nth(1).check();
      await boxes.nth(2).check();
      await bulkTreatment.waitFor();
    },
  },
  {
    name: "high-availability",
    async open(page) {
      await windowOf(page).goTo("High availability");
      await haPage(page).tolerance.waitFor();
    },
  },
  {
    name: "reboot-choose",
    async open(page, facts) {
      await windowOf(page).goTo("Reboot");
      await rebootPage(page).choose(nameOf(facts, 0)).waitFor();
    },
  },
  { name: "reboot-coordinator", open: (page, facts) => plan(page, nameOf(facts, 0)) },
  { name: "reboot-supporter", open: (page, facts) => plan(page, nameOf(facts, 1)) },
  { name: "reboot-confirm", open: (page, facts) => confirm(page, nameOf(facts, 1)) },
  {
    name: "break-things",
    async open(page, facts) {
      await breakPanel(page).open.click();
      await breakPanel(page).host(nameOf(facts, 0)).waitFor();
    },
  },
];

/** Screens that take long or change the pool: in this order, after the others. */
export const runScreens: readonly Screen[] = [
  {
    name: "reboot-running",
    async open(page, facts) {
      await confirm(page, nameOf(facts, 1));
      await rebootPage(page).start.click();
      await rebootPage(page).phases.waitFor();
    },
  },
  {
    name: "reboot-done",
    async open(page) {
      await windowOf(page).goTo("Reboot");
      await rebootPage(page).outcome.waitFor({ timeout: rebootTimeoutMs });
    },
    async leave(page) {
      await windowOf(page).goTo("Reboot");
      await rebootPage(page).closeReport.click();
    },
  },
  {
    name: "high-availability-on",
    async open(page) {
      await windowOf(page).goTo("High availability");
      const srs = haPage(page).turnOnPanel.getByRole("checkbox");
      await srs.first().check();
      await haPage(page).turnOnPanel.getByRole("button", { name: "Turn native HA on" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Turn native HA on" }).click();
      await haPage(page).turnOffPanel.waitFor({ timeout: rebootTimeoutMs });
    },
    async leave(page) {
      await windowOf(page).goTo("High availability");
      await haPage(page).turnOff();
      await haPage(page).turnOnPanel.waitFor({ timeout: rebootTimeoutMs });
    },
  },
  {
    name: "stale",
    async open(page, facts) {
      const panel = breakPanel(page);
      await panel.open.click();
      for (const { name } of facts.hosts) {
        await panel.act("Hang XAPI", name);
      }
      await panel.close.click();
      const { connection } = windowOf(page);
      await connection.filter({ hasNotText: "Live via" }).waitFor({ timeout: staleTimeoutMs });
    },
    async leave(page, facts) {
      const panel = breakPanel(page);
      await panel.open.click();
      for (const { name } of facts.hosts) {
        await panel.act("Resume XAPI", name);
      }
      await windowOf(page).untilLive(staleTimeoutMs);
    },
  },
];

/** Screens of a console that knows no pool yet. */
export const startScreens: readonly Screen[] = [
  { name: "welcome", open: (page) => welcomePage(page).connect.waitFor() },
  {
    name: "connect",
    async open(page) {
      await welcomePage(page).connect.click();
      await connectDialog(page).address.waitFor();
    },
  },
  {
    name: "connect-unreachable",
    async open(page) {
      await fillConnect(page, { address: "127.0.0.1:1", user: "root", password: "not a password" });
      await connectDialog(page).failure.waitFor();
    },
  },
  {
    name: "trust",
    async open(page, facts) {
      const { user, password } = facts;
      await fillConnect(page, { address: facts.hosts[0]?.xapiUrl ?? "", user, password });
      await connectDialog(page).trust.waitFor();
    },
  },
];

async function fillConnect(
  page: Page,
  to: { address: string; user: string; password: string },
): Promise<void> {
  await welcomePage(page).connect.click();
  await connectDialog(page).fill(to);
  await connectDialog(page).submit.click();
}
