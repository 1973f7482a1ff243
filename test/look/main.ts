import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser } from "playwright-core";
import { launchChromium } from "../browser/chromium.ts";
import { startConsole } from "./console-process.ts";
import type { ConsoleFacts } from "./console-process.ts";
import { contactSheet } from "./contact-sheet.ts";
import type { Picture } from "./contact-sheet.ts";
import { poolScreens, runScreens, startScreens } from "./screens.ts";
import type { Screen } from "./screens.ts";
import { openSession, take } from "./take.ts";

/*
 * A picture of every screen, on pools of two and of sixteen hosts, light and dark, in both sizes,
 * and what must hold on each. The pools are real demo pools, the window is the built one in
 * Chromium.
 */

const root = join(import.meta.dirname, "../..");
const folder = join(root, "dist/look");

/** The three that the README and docs show. */
const docsPictures: Readonly<Record<string, string>> = {
  "overview-two-light-1280x800.png": "overview.png",
  "vms-sixteen-dark-1280x800.png": "vms.png",
  "reboot-coordinator-two-light-1280x800.png": "reboot.png",
};

const tell = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

async function takePool(
  browser: Browser,
  preset: "two" | "sixteen",
  wanted: (screen: Screen) => boolean,
): Promise<Picture[]> {
  const demo = await startConsole({ demo: preset });
  try {
    const session = await openSession(browser, demo.url);
    const runs = preset === "two" ? runScreens : [];
    const screens = [...poolScreens, ...runs].filter(wanted);
    const pictures = await take({ session, facts: demo, screens, pool: preset, folder, tell });
    await session.context.close();
    const first = preset === "two" ? await takeStart(browser, demo, wanted) : [];
    return [...pictures, ...first];
  } finally {
    await demo.stop();
  }
}

/** A console of its own that knows no pool, beside a demo pool that it may connect to. */
async function takeStart(
  browser: Browser,
  facts: ConsoleFacts,
  wanted: (screen: Screen) => boolean,
): Promise<Picture[]> {
  const console = await startConsole("without-demo");
  try {
    const session = await openSession(browser, console.url);
    const screens = startScreens.filter(wanted);
    const pictures = await take({ session, facts, screens, pool: "start", folder, tell });
    await session.context.close();
    return pictures;
  } finally {
    await console.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      docs: { type: "boolean", default: false },
      screen: { type: "string", multiple: true },
      preset: { type: "string", multiple: true, default: ["two", "sixteen"] },
    },
  });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const wanted = (screen: Screen): boolean => values.screen?.includes(screen.name) ?? true;
  const presets = (["two", "sixteen"] as const).filter((name) => values.preset.includes(name));
  const browser = await launchChromium();
  const pictures: Picture[] = [];
  try {
    for (const preset of presets) {
      pictures.push(...(await takePool(browser, preset, wanted)));
    }
  } finally {
    await browser.close();
  }
  writeFileSync(join(folder, "index.html"), contactSheet(pictures));
  if (values.docs) {
    mkdirSync(join(root, "docs/pictures"), { recursive: true });
    for (const [from, to] of Object.entries(docsPictures)) {
      copyFileSync(join(folder, from), join(root, "docs/pictures", to));
    }
  }
  const faultCount = pictures.reduce((count, { faults }) => count + faults.length, 0);
  process.stdout.write(
    `look: ${pictures.length} pictures in dist/look, ${faultCount} faults; open dist/look/index.html\n`,
  );
  process.exitCode = faultCount === 0 && pictures.length > 0 ? 0 : 1;
}

await main();
