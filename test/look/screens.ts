import type { Page } from "playwright-core";
import type { ConsoleFacts } from "./console-process.ts";

/** A screen and how a person gets there from the pool's overview, or from the start screen. */
export interface Screen {
  readonly name: string;
  /** pools that have this screen; all when absent */
  readonly pools?: readonly string[];
  /** the window is on the overview of a demo pool, or on the start screen of a console without one */
  open(page: Page, facts: ConsoleFacts): Promise<void>;
}

const room = async (page: Page, name: string): Promise<void> => {
  await page
    .getByRole("navigation", { name: "Rooms of the pool" })
    .getByRole("link", { name })
    .click();
};

const choose = async (page: Page, facts: ConsoleFacts, index: number): Promise<void> => {
  await room(page, "Reboot");
  const name = facts.hosts[index]?.name ?? "";
  const row = page.getByRole("table", { name: "Hosts to reboot" }).getByRole("row");
  await row.filter({ hasText: name }).getByRole("link").first().click();
  await page.getByRole("heading", { name: `Reboot ${name}`, exact: true }).waitFor();
  await page.getByRole("list", { name: "Plan" }).waitFor();
};

/** Screens of a pool; each is reached from the overview and leaves nothing changed. */
export const poolScreens: readonly Screen[] = [
  {
    name: "overview",
    async open(page) {
      await page.getByRole("table", { name: "Hosts" }).waitFor();
    },
  },
  {
    // With two hosts the reasons of both are on screen anyway.
    name: "overview-reasons",
    pools: ["sixteen"],
    async open(page) {
      await page
        .getByRole("button", { name: /^Reasons for /u })
        .first()
        .click();
    },
  },
  {
    name: "vms",
    async open(page) {
      await room(page, "VMs");
      await page.getByRole("grid", { name: "VMs" }).waitFor();
    },
  },
  {
    name: "vms-edited",
    async open(page) {
      await room(page, "VMs");
      const grid = page.getByRole("grid", { name: "VMs" });
      const order = grid.getByRole("textbox", { name: /^Order of /u });
      await order.nth(0).fill("7");
      await order.nth(0).press("Enter");
      await grid
        .getByRole("combobox", { name: /^Treatment of /u })
        .nth(1)
        .selectOption("best-effort");
      await page.getByRole("complementary", { name: "Edit and changes" }).waitFor();
    },
  },
  {
    name: "high-availability",
    async open(page) {
      await room(page, "High availability");
      await page
        .getByRole("heading", { name: /native HA/iu })
        .first()
        .waitFor();
    },
  },
  {
    name: "reboot-choose",
    async open(page) {
      await room(page, "Reboot");
      await page.getByRole("table", { name: "Hosts to reboot" }).waitFor();
    },
  },
  { name: "reboot-coordinator", open: (page, facts) => choose(page, facts, 0) },
  { name: "reboot-supporter", open: (page, facts) => choose(page, facts, 1) },
  {
    name: "break-things",
    async open(page) {
      await page.getByRole("button", { name: "Break things" }).click();
      await page.getByLabel("Break things").waitFor();
    },
  },
];

/** Screens of a console that knows no pool yet. */
export const startScreens: readonly Screen[] = [
  {
    name: "welcome",
    async open(page) {
      await page.getByRole("heading", { name: "Connect to a pool" }).waitFor();
    },
  },
  {
    name: "connect",
    async open(page) {
      await page.getByRole("button", { name: "Connect to a pool" }).click();
      await page.getByRole("form", { name: "Connect to a pool" }).waitFor();
    },
  },
  {
    name: "connect-unreachable",
    async open(page) {
      await fillConnect(page, "https://127.0.0.1:1", "not a password");
      await page.getByRole("alert").first().waitFor();
    },
  },
  {
    name: "trust",
    async open(page, facts) {
      await fillConnect(page, facts.hosts[0]?.xapiUrl ?? "", facts.password);
      await page.getByRole("button", { name: "They match: trust and connect" }).waitFor();
    },
  },
];

async function fillConnect(page: Page, address: string, password: string): Promise<void> {
  await page.getByRole("button", { name: "Connect to a pool" }).click();
  const form = page.getByRole("form", { name: "Connect to a pool" });
  await form.getByLabel("Address of any host of the pool").fill(address);
  await form.getByLabel("Password", { exact: true }).fill(password);
  await form.getByRole("button", { name: "Connect", exact: true }).click();
}
