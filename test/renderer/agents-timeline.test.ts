import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChromium } from "../browser/chromium.ts";
import { agentsPage } from "../e2e/pages/agents.ts";
import { timelinePage } from "../e2e/pages/timeline.ts";
import { accessibilityFaults } from "../look/assertions.ts";
import type { FakeBackend } from "./fake-backend.ts";
import type { ScenarioName } from "./scenarios.ts";
import { buildPage, servePage } from "./serve-page.ts";

declare global {
  interface Window {
    fakeBackend?: FakeBackend;
  }
}

let browser: Browser;
let served: Awaited<ReturnType<typeof servePage>>;

beforeAll(async () => {
  await buildPage();
  served = await servePage();
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  await served.stop();
});

const inWindow = async (
  scenario: ScenarioName,
  room: string,
  story: (page: Page) => Promise<void>,
): Promise<void> => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(8000);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  try {
    await page.goto(`${served.url}?scenario=${scenario}#/pool/p1/${room}`);
    await story(page);
    expect(faults).toEqual([]);
  } finally {
    await page.close();
  }
};

const commandsOf = (page: Page): Promise<FakeBackend["commands"]> =>
  page.evaluate(() => window.fakeBackend?.commands ?? []);

describe("agents only watch", () => {
  test.each(["overview", "vms", "ha", "reboot", "timeline", "agents"])(
    "with every agent observing, %s of an unprotected pool never says Protected",
    (room) =>
      inWindow("agents-cut", room, async (page) => {
        await page.getByRole("banner").getByText("Unprotected").waitFor();
        if (room === "agents") await agentsPage(page).row("xcp-beta").waitFor();
        if (room === "timeline") await timelinePage(page).canvas.waitFor();
        if (room === "overview") await page.getByText("watching only").waitFor();
        expect(await page.getByText(/\bProtected\b/u).count()).toBe(0);
      }),
  );

  test("a silent path and a heard one are told apart with age and margin", () =>
    inWindow("agents-cut", "overview", async (page) => {
      const row = page.getByRole("table", { name: "Heartbeats between agents" }).getByRole("row");
      const words = await row.filter({ hasText: "xcp-alpha" }).first().innerText();
      expect(words).toContain("xcp-beta on storage, 41.2 s");
      expect(words).toContain("2.7 s of 3.0 s left");
    }));
});

describe("installing", () => {
  test("a password leaves the window once and is not kept in the form", () =>
    inWindow("agents-keys", "agents", async (page) => {
      const agents = agentsPage(page);
      await agents.usePassword("secret");
      const field = page.getByRole("textbox", { name: "Password of root on the hosts" });
      await expect.poll(() => field.inputValue()).toBe("");
      expect(await commandsOf(page)).toEqual([
        {
          name: "ssh.login",
          input: { poolId: "p1", login: { kind: "password", password: "secret" }, remember: false },
        },
      ]);
    }));

  test("a changed host key stops everything until its host is named", () =>
    inWindow("agents-keys", "agents", async (page) => {
      const agents = agentsPage(page);
      await agents.lookAtKeys.click();
      const accept = page.getByRole("button", { name: "Accept the new key of xcp-beta" });
      await accept.waitFor();
      expect([await agents.acceptKeys.count(), await accept.isDisabled()]).toEqual([0, true]);
      await page.getByRole("textbox", { name: /to accept the new key/u }).fill("xcp-beta");
      await accept.click();
      await expect
        .poll(async () => (await commandsOf(page)).map((command) => command.input))
        .toEqual([
          {
            poolId: "p1",
            keys: [{ hostUuid: "host-00001", fingerprint: `SHA256:${"B".repeat(43)}` }],
          },
        ]);
    }));

  test("a failed finding keeps both the dry run and the installation away", () =>
    inWindow("agents-preflight", "agents", async (page) => {
      const agents = agentsPage(page);
      await agents.acknowledgements.check();
      expect([await agents.dryRun.isDisabled(), await agents.install.isDisabled()]).toEqual([
        true,
        true,
      ]);
    }));
});

test("where XAPI and an agent differ, both stand side by side", () =>
  inWindow("agents-drift", "agents", async (page) => {
    const words = await agentsPage(page).disagreements.innerText();
    expect(words).toContain("xcp-alpha");
    expect(words).toContain("xcp-beta");
    await page.getByText("It refused revision 4").waitFor();
  }));

test("settings are applied only after what changes was shown", () =>
  inWindow("agents-cut", "agents", async (page) => {
    const agents = agentsPage(page);
    await agents.setting("Time between heartbeats, ms").fill("250");
    expect(await agents.applySettings.isDisabled()).toBe(true);
    await agents.showChanges.click();
    await agents.changes.getByText("after 1.5 s instead of 3 s").waitFor();
    await agents.applySettings.click();
    await expect
      .poll(async () => (await commandsOf(page)).map((command) => command.name))
      .toEqual(["agents.applySettings"]);
  }));

describe("timeline", () => {
  test("the keyboard goes to a suspicion and opens its sentence, rule and inputs", () =>
    inWindow("agents-cut", "timeline", async (page) => {
      const timeline = timelinePage(page);
      await timeline.search.fill("beta is suspected");
      await timeline.entry("xcp-beta is suspected").first().waitFor();
      await timeline.canvas.focus();
      await page.keyboard.press("Home");
      await page.keyboard.press("Enter");
      await timeline.details.getByText("suspect-after-missed-beats").waitFor();
      expect(await timeline.inputs.innerText()).toContain("3.02 s");
    }));

  test("moving to the past lets go of the clock, End takes it up again", () =>
    inWindow("agents-cut", "timeline", async (page) => {
      const timeline = timelinePage(page);
      const pressed = (): Promise<string | null> => timeline.live.getAttribute("aria-pressed");
      await expect.poll(pressed).toBe("true");
      await timeline.canvas.focus();
      await page.keyboard.press("a");
      await expect.poll(pressed).toBe("false");
      await page.keyboard.press("End");
      await expect.poll(pressed).toBe("true");
    }));

  test("a click on a mark of the canvas opens what was drawn there", () =>
    inWindow("agents-cut", "timeline", async (page) => {
      const timeline = timelinePage(page);
      const box = await timeline.canvas.boundingBox();
      // The second lane's first mark: the console's entry lies at the very left of the plot.
      await page.mouse.click((box?.x ?? 0) + 242, (box?.y ?? 0) + 40);
      await timeline.details.getByText("Agent 0.1.0 was installed on 3 hosts.").waitFor();
    }));

  test("the list is an ordered list that says how long it is", () =>
    inWindow("agents-cut", "timeline", async (page) => {
      const first = timelinePage(page).list.getByRole("listitem").first();
      expect([
        await first.getAttribute("aria-posinset"),
        await first.getAttribute("aria-setsize"),
      ]).toEqual(["1", "37"]);
    }));
});

test.each([
  { scenario: "agents-cut", room: "agents" },
  { scenario: "agents-preflight", room: "agents" },
  { scenario: "agents-installing", room: "agents" },
  { scenario: "agents-cut", room: "timeline" },
] as const)("$scenario, $room: contrast, names and roles", ({ scenario, room }) =>
  inWindow(scenario, room, async (page) => {
    await page.getByRole("main").getByRole("button").first().waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
  }),
);
