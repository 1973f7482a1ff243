import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import type { DemoPool } from "../../main/demo/demo-pool.ts";
import {
  armPaintWatch,
  arrivalsIn,
  clockSkewMs,
  installPaintWatch,
  whenPainted,
} from "../browser/paint-watch.ts";
import { connectDialog } from "../e2e/pages/connect-dialog.ts";
import { welcomePage } from "../e2e/pages/welcome.ts";
import { windowOf } from "../e2e/pages/window.ts";
import { startWatched } from "./watched-process.ts";
import type { Memory, WatchedProcess } from "./watched-process.ts";

const paintTimeoutMs = 60_000;
/** Nothing but the picture of a whole pool is that long. */
const pictureCharsMin = 500_000;

export interface SkinkRun {
  readonly page: Page;
  readonly backend: WatchedProcess;
  /** from the complete answer to the first login to the painted table */
  readonly paintedMs: number;
  /** of which until the first picture of the pool reached the window */
  readonly arrivedMs: number;
  /** the page's clock minus this process's, already taken out of what is measured here */
  readonly skewMs: number;
  readonly memory: Memory;
  close(): Promise<void>;
}

/**
 * A fresh backend and a fresh window: connect as a person would, stop the clock at the VMs table.
 */
export async function runSkink(
  browser: Browser,
  pool: DemoPool,
  vmCountText: string,
): Promise<SkinkRun> {
  const settings = mkdtempSync(join(tmpdir(), "skink-bench-"));
  const backend = startWatched("main/shells/command.ts", ["serve", "--no-open"], {
    XDG_CONFIG_HOME: settings,
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const close = async (): Promise<void> => {
    await context.close();
    await backend.stop();
    rmSync(settings, { recursive: true, force: true });
  };
  try {
    const url = await backend.wait("its link", (news) =>
      typeof news === "string" ? /^Console: (http\S+)/u.exec(news)?.[1] : undefined,
    );
    const page = await context.newPage();
    await installPaintWatch(page);
    await page.goto(url);
    const skewMs = await clockSkewMs(page);
    const paintedAtMs = await connectAndShowVms(page, pool, vmCountText);
    const loginAtMs = await backend.loginAnswered;
    const paintedMs = paintedAtMs - skewMs - loginAtMs;
    const picture = (await arrivalsIn(page)).find(({ charCount }) => charCount > pictureCharsMin);
    const arrivedMs = (picture?.atMs ?? Number.NaN) - skewMs - loginAtMs;
    return { page, backend, paintedMs, arrivedMs, skewMs, memory: await backend.memory(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function connectAndShowVms(page: Page, pool: DemoPool, vmCountText: string): Promise<number> {
  const [coordinator] = pool.hosts;
  const dialog = connectDialog(page);
  await welcomePage(page).connect.click();
  const { user, password } = pool;
  await dialog.fill({ address: coordinator?.xapiUrl ?? "", user, password });
  await dialog.submit.click();
  await dialog.trust.waitFor();
  await armPaintWatch(page, [
    { selector: 'table[aria-label="VMs"] tbody tr[data-index]', text: "" },
    { selector: '[role="status"]', text: vmCountText },
  ]);
  await dialog.trust.click();
  await windowOf(page).goTo("VMs");
  return whenPainted(page, paintTimeoutMs);
}
