import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchChromium } from "../browser/chromium.ts";
import { connectDialog, redStop } from "../e2e/pages/connect-dialog.ts";
import { haPage } from "../e2e/pages/ha.ts";
import { rebootPage } from "../e2e/pages/reboot.ts";
import { vmsPage } from "../e2e/pages/vms.ts";
import { welcomePage } from "../e2e/pages/welcome.ts";
import { windowOf } from "../e2e/pages/window.ts";
import { breakPanel } from "../e2e/pages/break-panel.ts";
import { accessibilityFaults, focusFaults, overflowFaults, settle } from "../look/assertions.ts";
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

/** A window on a scenario, closed after the story; a fault in the page fails it. */
const inWindow = async (
  scenario: ScenarioName,
  address: string,
  story: (page: Page) => Promise<void>,
): Promise<void> => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(8000);
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    // Scripts are left out: zod, which only the double of the backend brings, tries `eval` once.
    if (message.text().includes("style-src")) faults.push(message.text());
  });
  try {
    await page.goto(`${served.url}?scenario=${scenario}#${address}`);
    await story(page);
    expect(faults).toEqual([]);
  } finally {
    await page.close();
  }
};

const commandsOf = (page: Page): Promise<FakeBackend["commands"]> =>
  page.evaluate(() => window.fakeBackend?.commands ?? []);

describe("connecting", () => {
  test("a fingerprint is shown before a password is sent, and sent back when accepted", () =>
    inWindow("welcome", "/", async (page) => {
      await welcomePage(page).connect.click();
      const dialog = connectDialog(page);
      await dialog.fill({ address: " 10.77.0.1 ", user: "root", password: "secret" });
      await dialog.submit.click();
      const name = await dialog.presentedFingerprint.getAttribute("aria-label");
      const early = await commandsOf(page);
      await dialog.trust.click();
      await dialog.dialog.waitFor({ state: "hidden" });
      expect([early, await commandsOf(page)]).toEqual([
        [],
        [
          {
            name: "pools.connect",
            input: {
              address: "10.77.0.1",
              user: "root",
              password: "secret",
              remember: false,
              trustFingerprint: name?.split(": ")[1],
            },
          },
        ],
      ]);
    }));

  test("a refused password is said beside the form, which keeps what was typed", () =>
    inWindow("welcome-refused", "/", async (page) => {
      await welcomePage(page).connect.click();
      const dialog = connectDialog(page);
      await dialog.fill({ address: "xcp-alpha", user: "root", password: "wrong" });
      await dialog.submit.click();
      await dialog.failure.waitFor();
      expect([await dialog.failure.innerText(), await dialog.address.inputValue()]).toEqual([
        expect.stringContaining("Next step: Type the password again."),
        "xcp-alpha",
      ]);
    }));

  test("a changed certificate stops everything until the host's name is typed", () =>
    inWindow("changed-certificate", "/pool/p1/overview", async (page) => {
      const stop = redStop(page);
      await stop.region.waitFor();
      const isStopped = await stop.accept.isDisabled();
      await stop.typedName.fill("xcp-beta");
      const isStillStopped = await stop.accept.isDisabled();
      await stop.typedName.fill("xcp-alpha");
      await stop.accept.click();
      expect([isStopped, isStillStopped, await commandsOf(page)]).toMatchObject([
        true,
        true,
        [{ name: "pools.acceptCertificate", input: { address: "10.77.0.1" } }],
      ]);
    }));
});

describe("what can be believed", () => {
  const oldScreens: readonly (readonly [ScenarioName, string, string])[] = [
    ["stale", "/pool/p1/overview", "xcp-alpha"],
    ["stale-ha", "/pool/p1/overview", "xcp-alpha"],
    ["stale-ha", "/pool/p1/ha", "2 of 2 hosts"],
    ["stale-ha", "/pool/p1/vms", "voip"],
  ];
  test.each(oldScreens)(
    "%s at %s stays on screen, and nothing is green",
    (scenario, address, words) =>
      inWindow(scenario, address, async (page) => {
        await page.getByRole("main").getByText(words).first().waitFor();
        await settle(page, "light");
        const green = await page.evaluate(() => {
          const probe = document.body.appendChild(document.createElement("i"));
          probe.style.color = "var(--sk-ok-text)";
          const wanted = getComputedStyle(probe).color;
          probe.remove();
          return [...document.querySelectorAll("body *")]
            .filter((each) => getComputedStyle(each).color === wanted)
            .map((each) => each.textContent);
        });
        expect([green, await windowOf(page).verdict.innerText()]).toEqual([[], "Unknown"]);
      }),
  );

  test("a backend that goes covers the window, and its return brings everything back", () =>
    inWindow("small", "/pool/p1/vms", async (page) => {
      const vms = vmsPage(page);
      await vms.setOrder("voip", 9);
      await page.evaluate(() => window.fakeBackend?.goAway());
      const { gone } = windowOf(page);
      await gone.waitFor();
      await page.evaluate(() => window.fakeBackend?.comeBack());
      await gone.getByRole("button", { name: "Try now" }).click();
      await gone.waitFor({ state: "hidden" });
      expect(await vms.changes.innerText()).toContain("voip");
    }));

  const pictures: readonly (readonly [ScenarioName, string])[] = [
    ["loading", "loading"],
    ["failed", "empty"],
    ["empty", "empty"],
  ];
  test.each(pictures)("%s is a picture of its own: %s", (scenario, picture) =>
    inWindow(scenario, "/pool/p1/vms", async (page) => {
      await page.getByRole("main").locator(`[data-picture="${picture}"]`).first().waitFor();
      const alerts = await page.getByRole("alert").count();
      expect(alerts > 0).toBe(scenario === "failed");
    }),
  );
});

describe("VMs", () => {
  test("edits are seen as a difference, written on Apply, and gone once the facts say so", () =>
    inWindow("small", "/pool/p1/vms", async (page) => {
      const vms = vmsPage(page);
      await vms.setOrder("voip", 7);
      await vms.select("print").click();
      await vms.bulkTreatment.selectOption("restart");
      const difference = await vms.changes.innerText();
      const early = await commandsOf(page);
      await vms.apply.click();
      await vms.changes.waitFor({ state: "hidden" });
      expect([difference.split("\n").filter((line) => line.length > 2), early]).toEqual([
        expect.arrayContaining(["voip", "print"]),
        [],
      ]);
      expect(await commandsOf(page)).toMatchObject([
        {
          name: "vms.setProtection",
          input: {
            changes: [
              { vmUuid: "vm-00011", order: 7 },
              { vmUuid: "vm-00010", treatment: "restart" },
            ],
          },
        },
      ]);
    }));

  test("a refusal keeps the changes and says why", () =>
    inWindow("write-refused", "/pool/p1/vms", async (page) => {
      const vms = vmsPage(page);
      await vms.setTreatment("voip", "Restart");
      await vms.apply.click();
      await vms.failure.waitFor();
      expect([await vms.changes.innerText(), await vms.failure.innerText()]).toEqual([
        expect.stringContaining("voip"),
        expect.stringContaining("no longer cover 1 host failure"),
      ]);
    }));

  test("a tied VM asked to restart is answered with what ties it", () =>
    inWindow("small", "/pool/p1/vms", async (page) => {
      const vms = vmsPage(page);
      await vms.setTreatment("gpu render", "Restart");
      expect(await vms.changes.innerText()).toContain("NVIDIA A2");
    }));

  test("the keyboard walks 5,000 rows, selects and edits without a pointer", () =>
    inWindow("large", "/pool/p1/vms", async (page) => {
      const vms = vmsPage(page);
      await vms.table.locator('tr[data-index="0"]').focus();
      await page.keyboard.press("End");
      await page.waitForFunction(
        () => document.activeElement?.getAttribute("aria-rowindex") === "5001",
      );
      await page.keyboard.press("Space");
      await page.keyboard.press("Enter");
      const label = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
      const rendered = await vms.table.locator("tr[data-index]").count();
      expect([
        await page.getByRole("heading", { name: "Edit 1 VM" }).count(),
        label,
        rendered < 80,
      ]).toEqual([1, expect.stringMatching(/^Treatment of /u), true]);
    }));
});

describe("native HA", () => {
  test("it cannot be turned on before a heartbeat SR is chosen, and asks once more", () =>
    inWindow("small", "/pool/p1/ha", async (page) => {
      const ha = haPage(page);
      const button = ha.turnOnPanel.getByRole("button", { name: "Turn native HA on" });
      await ha.heartbeatSr("iscsi-heartbeat").waitFor();
      const states = [await button.isDisabled(), await ha.heartbeatSr("ISO library").isDisabled()];
      await ha.timeout.fill("45");
      await ha.turnOn("iscsi-heartbeat");
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      expect([states, await commandsOf(page)]).toMatchObject([
        [true, true],
        [
          {
            name: "ha.enable",
            input: { srUuids: ["sr-00001"], timeoutS: 45, failuresToTolerate: 1 },
          },
        ],
      ]);
    }));

  test("on, it says who sees whom, and turning it off says what that costs", () =>
    inWindow("small-ha", "/pool/p1/ha", async (page) => {
      const ha = haPage(page);
      expect([await ha.heartbeat.innerText(), await ha.turnOffPanel.innerText()]).toEqual([
        expect.stringContaining("2 of 2 hosts"),
        expect.stringContaining("stay off until somebody starts them"),
      ]);
      await ha.turnOff();
      expect(await commandsOf(page)).toEqual([{ name: "ha.disable", input: { poolId: "p1" } }]);
    }));
});

describe("rebooting", () => {
  test("every point acknowledged, the name typed: only then it starts", () =>
    inWindow("small", "/pool/p1/reboot", async (page) => {
      const reboot = rebootPage(page);
      await reboot.choose("xcp-alpha").click();
      await reboot.plan.waitFor();
      await reboot.typedName.fill("xcp-alpha");
      const first = await reboot.obstacle.innerText();
      await reboot.acknowledgeAll();
      await reboot.typedName.fill("xcp-alph");
      const second = await reboot.obstacle.innerText();
      const isStopped = await reboot.start.isDisabled();
      await reboot.typedName.fill("xcp-alpha");
      await reboot.start.click();
      expect([first, second, isStopped, await commandsOf(page)]).toMatchObject([
        "2 points are not acknowledged yet.",
        "Type the host's name to confirm.",
        true,
        [
          {
            name: "reboot.start",
            input: {
              hostUuid: "host-00000",
              acknowledgedIds: ["coordinator", "local-disk"],
              typedName: "xcp-alpha",
            },
          },
        ],
      ]);
    }));

  test("an unsafe host is not started, whatever is typed", () =>
    inWindow("small", "/pool/p1/reboot/host-00001", async (page) => {
      const reboot = rebootPage(page);
      await reboot.plan.waitFor();
      await reboot.typedName.fill("xcp-beta");
      expect([await reboot.start.isDisabled(), await reboot.obstacle.innerText()]).toEqual([
        true,
        expect.stringContaining("Unsafe"),
      ]);
    }));

  test("a run is stopped after the words of what is put back were read", () =>
    inWindow("run-in-progress", "/pool/p1/reboot", async (page) => {
      const reboot = rebootPage(page);
      await reboot
        .phase("Move VMs away")
        .getByText("moving to xcp-beta", { exact: true })
        .waitFor();
      await reboot.stopAndPutBack();
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      expect(await commandsOf(page)).toEqual([
        { name: "reboot.stop", input: { poolId: "p1", runId: "run-1" } },
      ]);
    }));

  test("a pool that falls silent in a run is waited for, not rescued", () =>
    inWindow("run-silent", "/pool/p1/reboot", async (page) => {
      const text = await page.getByText("The pool has not answered for").locator("..").innerText();
      const body = await page.locator("body").innerText();
      expect([text.includes("reboot of xcp-alpha"), body.includes("Next step: Wait.")]).toEqual([
        true,
        true,
      ]);
      expect(body).not.toContain("Look whether xcp-alpha has power");
    }));

  const ends: readonly (readonly [ScenarioName, string, string])[] = [
    ["run-done", "done", "1 point is not as before"],
    ["run-put-back", "put-back", "café caisse"],
    ["run-needs-person", "needs-person", "Plug “iscsi-heartbeat” on xcp-beta"],
  ];
  test.each(ends)("%s ends as %s and says %s", (scenario, end, words) =>
    inWindow(scenario, "/pool/p1/reboot", async (page) => {
      const { outcome } = rebootPage(page);
      expect([await outcome.getAttribute("data-end"), await outcome.innerText()]).toEqual([
        end,
        expect.stringContaining(words),
      ]);
    }),
  );
});

test("the demo's hardware is broken from beside the room", () =>
  inWindow("small", "/pool/p1/overview", async (page) => {
    const panel = breakPanel(page);
    await panel.open.click();
    await panel.act("Cut power", "xcp-alpha");
    await panel.chooseLink("xcp-beta", "xcp-alpha");
    await panel.cutLink.click();
    expect(await commandsOf(page)).toEqual([
      { name: "demo.break", input: { action: "cut-power", host: "xcp-alpha" } },
      { name: "demo.break", input: { action: "cut-link", from: "xcp-beta", to: "xcp-alpha" } },
    ]);
  }));

describe("pictures that a real pool reaches rarely are as clean as the others", () => {
  const shots: readonly (readonly [ScenarioName, string])[] = [
    ["stale-sixteen", "/pool/p1/overview/host-00001"],
    ["failed", "/pool/p1/overview"],
    ["changed-certificate", "/pool/p1/overview"],
    ["needs-password", "/pool/p1/overview"],
    ["run-in-progress", "/pool/p1/reboot"],
    ["run-needs-person", "/pool/p1/reboot"],
    ["run-done", "/pool/p1/reboot"],
    ["sixteen-ha", "/pool/p1/ha"],
  ];
  test.each(shots)("%s", (scenario, address) =>
    inWindow(scenario, address, async (page) => {
      for (const scheme of ["light", "dark"] as const) {
        await settle(page, scheme);
        expect([await accessibilityFaults(page), await overflowFaults(page)]).toEqual([[], []]);
      }
      expect(await focusFaults(page, 25)).toEqual([]);
    }),
  );
});
