import { parseArgs } from "node:util";
import type { Page } from "playwright-core";
import { machineFacts } from "../../build/bench/machine.ts";
import { median, quantile, rounded } from "../../build/bench/statistics.ts";
import { launchChromium } from "../browser/chromium.ts";
import { buildPage, servePage } from "../renderer/serve-page.ts";

/*
 * 100,000 entries panned and zoomed with a real pointer and wheel in headless Chromium without a
 * GPU. Every frame is forced to be rastered by reading one pixel back, which is counted, too.
 */

const itemCount = 100_000;
const aimP95Ms = 16.7;
const size = { width: 1920, height: 1080 };

const definitions = {
  frame:
    "all animation callbacks of one frame, then one pixel read back from the canvas so that the " +
    "browser has to finish drawing it; frames in which the canvas was not drawn do not count",
  interval: "between the starts of two frames in a row while the pointer or the wheel moves",
  scene: `${itemCount} entries over 24 hours in 19 lanes, a sixth of them spans, ${size.width} x ${size.height}`,
};

interface Frames {
  readonly workMs: number[];
  readonly startsMs: number[];
}

declare global {
  interface Window {
    timelineFrames?: Frames;
  }
}

/** Wraps the page's frames before anything of it runs. */
const watchFrames = (page: Page): Promise<unknown> =>
  page.addInitScript(() => {
    const frames: Frames = { workMs: [], startsMs: [] };
    window.timelineFrames = frames;
    const ask = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (callback) =>
      ask((atMs) => {
        const startMs = performance.now();
        callback(atMs);
        const canvas = document.querySelector<HTMLCanvasElement>('canvas[role="application"]');
        canvas?.getContext("2d")?.getImageData(canvas.width - 2, canvas.height - 2, 1, 1);
        frames.workMs.push(performance.now() - startMs);
        frames.startsMs.push(startMs);
      });
  });

const clearFrames = (page: Page): Promise<void> =>
  page.evaluate(() => {
    window.timelineFrames?.workMs.splice(0);
    window.timelineFrames?.startsMs.splice(0);
  });

interface Measured {
  readonly frameCount: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  readonly intervalP50Ms: number;
  readonly intervalP95Ms: number;
}

const measure = async (page: Page, act: () => Promise<void>): Promise<Measured> => {
  await clearFrames(page);
  await act();
  const frames = await page.evaluate(() => window.timelineFrames);
  if (frames === undefined || frames.workMs.length < 20) {
    throw new Error(`only ${frames?.workMs.length ?? 0} frames were drawn`);
  }
  const { workMs, startsMs } = frames;
  // Two callbacks of the same frame start within a few milliseconds; pauses are not frames.
  const gapsMs = startsMs
    .slice(1)
    .map((startMs, at) => startMs - (startsMs[at] ?? 0))
    .filter((gapMs) => gapMs > 4 && gapMs < 400);
  return {
    frameCount: workMs.length,
    p50Ms: rounded(median(workMs), 2),
    p95Ms: rounded(quantile(workMs, 0.95), 2),
    maxMs: rounded(Math.max(...workMs), 2),
    intervalP50Ms: rounded(median(gapsMs), 1),
    intervalP95Ms: rounded(quantile(gapsMs, 0.95), 1),
  };
};

const middle = { xPx: 900, yPx: 400 };

const zoom = async (page: Page, steps: number, deltaPx: number): Promise<void> => {
  await page.mouse.move(middle.xPx, middle.yPx);
  for (let step = 0; step < steps; step += 1) await page.mouse.wheel(0, deltaPx);
};

const pan = async (page: Page, steps: number): Promise<void> => {
  await page.mouse.move(middle.xPx, middle.yPx);
  await page.mouse.down();
  for (let step = 1; step <= steps; step += 1) {
    await page.mouse.move(middle.xPx + Math.sin(step / 12) * 320, middle.yPx);
  }
  await page.mouse.up();
};

async function run(page: Page): Promise<Readonly<Record<string, Measured>>> {
  const steps = 150;
  return {
    panFullDay: await measure(page, () => pan(page, steps)),
    zoomIn: await measure(page, () => zoom(page, steps, -24)),
    panClose: await measure(page, () => pan(page, steps)),
    zoomOut: await measure(page, () => zoom(page, steps, 24)),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
  await buildPage();
  const served = await servePage();
  const browser = await launchChromium();
  try {
    const page = await browser.newPage({ viewport: size });
    await watchFrames(page);
    await page.goto(`${served.url}?alone=timeline-100k`);
    await page.getByText("100,000 entries").waitFor();
    const acts = await run(page);
    const all = Object.values(acts);
    const worstP95Ms = Math.max(...all.map((act) => act.p95Ms));
    const report = {
      bench: "timeline",
      machine: machineFacts(`Chromium ${browser.version()}, headless, no GPU`),
      itemCount,
      definitions,
      acts,
      worstP95Ms,
      aims: { p95Ms: aimP95Ms },
      met: { p95: worstP95Ms < aimP95Ms },
    };
    process.stdout.write(`${JSON.stringify(report, null, values.json ? 0 : 2)}\n`);
  } finally {
    await browser.close();
    await served.stop();
  }
}

await main();
