import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import type { Browser } from "playwright-core";

const places = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Quiet and without a sandbox, which containers and root do not grant. */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--hide-scrollbars",
  "--force-color-profile=srgb",
];

/** Starts headless Chromium; rejects with a sentence that says how to get one. */
export async function launchChromium(): Promise<Browser> {
  const named = process.env["SKINK_CHROMIUM"];
  const executablePath = named ?? places.find((place) => existsSync(place));
  if (executablePath === undefined) {
    throw new Error(
      "There is no Chromium. On Debian: apt-get install chromium. Elsewhere set SKINK_CHROMIUM to one.",
    );
  }
  return chromium.launch({ executablePath, headless: true, args: flags });
}
