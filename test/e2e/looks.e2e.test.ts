import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findChromium } from "../../build/chromium.ts";
import { launchChromium } from "../browser/chromium.ts";
import { startConsole } from "../look/console-process.ts";
import type { ConsoleProcess } from "../look/console-process.ts";
import { poolScreens, startScreens } from "../look/screens.ts";
import { openSession, take } from "../look/take.ts";
import type { Session } from "../look/take.ts";

/*
 * The screens a person meets first, on a real demo pool: readable contrast and names for what can
 * be pressed, nothing cut off, and the keyboard always visible; in light and dark, at both sizes.
 * `npm run look` does the same for every screen and keeps the pictures.
 */
const first = ["overview", "vms", "vms-edited", "high-availability", "reboot-coordinator"];

describe.skipIf(findChromium() === null)("looks", () => {
  let browser: Browser;
  let demo: ConsoleProcess;
  let ofPool: Session;
  let start: ConsoleProcess;
  let ofStart: Session;

  beforeAll(async () => {
    browser = await launchChromium();
    demo = await startConsole({ demo: "two" });
    ofPool = await openSession(browser, demo.url);
    start = await startConsole("without-demo");
    ofStart = await openSession(browser, start.url);
  });
  afterAll(async () => {
    await browser.close();
    await start.stop();
    await demo.stop();
  });

  const faultsOf = async (session: Session, name: string): Promise<string[]> => {
    const screens = [...poolScreens, ...startScreens].filter((screen) => screen.name === name);
    const pictures = await take({
      session,
      facts: demo,
      screens,
      pool: "two",
      folder: null,
      tell: () => undefined,
    });
    expect(pictures).not.toEqual([]);
    return pictures.flatMap(({ file, faults }) => faults.map((fault) => `${file}: ${fault}`));
  };

  test.each(first)("%s", async (name) => {
    expect(await faultsOf(ofPool, name)).toEqual([]);
  });

  test.each(["welcome", "trust"])("%s", async (name) => {
    expect(await faultsOf(ofStart, name)).toEqual([]);
  });
});
