import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { launchChromium } from "../browser/chromium.ts";
import { buildPage, servePage } from "./serve-page.ts";

/*
 * Pictures of the window alone, in states that a real pool reaches rarely:
 * node test/renderer/pictures.ts FOLDER [1280x800|1920x1080] [light|dark] [scenario[#address] ...]
 */
const [folder = "pictures", size = "1280x800", scheme = "light", ...shots] = process.argv.slice(2);
const [width = 1280, height = 800] = size.split("x").map(Number);

await mkdir(folder, { recursive: true });
await buildPage();
const page = await servePage();
const browser = await launchChromium();
try {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme === "dark" ? "dark" : "light",
  });
  for (const shot of shots) {
    const [scenario = "", address = ""] = shot.split("#");
    const tab = await context.newPage();
    tab.on("console", (message) => {
      if (message.type() === "error") process.stderr.write(`${shot}: ${message.text()}\n`);
    });
    tab.on("pageerror", (error) => process.stderr.write(`${shot}: ${error.message}\n`));
    const query = scenario.startsWith("timeline-") ? "alone" : "scenario";
    await tab.goto(`${page.url}?${query}=${scenario}#${address}`);
    await tab.waitForTimeout(700);
    const overflow = await tab.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    if (overflow > 0) process.stderr.write(`${shot}: ${overflow} px too wide\n`);
    const name = `${shot.replace(/[^a-z0-9-]+/giu, "_")}-${width}-${scheme}.png`;
    await tab.screenshot({ path: join(folder, name) });
    process.stdout.write(`${name}\n`);
    await tab.close();
  }
} finally {
  await browser.close();
  await page.stop();
}
