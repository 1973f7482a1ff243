import { chromium } from "playwright-core";
import type { Browser } from "playwright-core";
import { ensureChromium } from "../../build/chromium.ts";

/** Quiet and without a sandbox, which containers and root do not grant. */
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** Starts headless Chromium; rejects with a sentence that says how to get one. */
export async function launchChromium(): Promise<Browser> {
  const found = ensureChromium((sentence) => process.stderr.write(`${sentence}\n`));
  if (found.status === "absent") {
    throw new Error(found.sentence);
  }
  return chromium.launch({ executablePath: found.binary, headless: true, args: flags });
}
