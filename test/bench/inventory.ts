import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Browser } from "playwright-core";
import { machineFacts } from "../../build/bench/machine.ts";
import { median, quantile, rounded } from "../../build/bench/statistics.ts";
import { startDemoPool } from "../../main/demo/demo-pool.ts";
import type { DemoPool } from "../../main/demo/demo-pool.ts";
import { launchChromium } from "../browser/chromium.ts";
import type { BareResult } from "./bare-client.ts";
import { bundleSize } from "./bundle.ts";
import { measureEvents } from "./event-to-pixel.ts";
import type { EventSample } from "./event-to-pixel.ts";
import { openOtherSession } from "./other-session.ts";
import { runSkink } from "./skink-run.ts";
import type { SkinkRun } from "./skink-run.ts";
import { startWatched } from "./watched-process.ts";
import type { Memory } from "./watched-process.ts";

/*
 * How long until 64 hosts and 5,000 VMs are on screen, and how long until a change is. Everything
 * is the real thing on one machine: the demo pool's processes, the backend in a process of its own,
 * headless Chromium; and `xen-api` alone in a process for comparison, in turns with Skink.
 */

const hostCount = 64;
const vmCount = 5_000;
const vmCountText = `${vmCount.toLocaleString("en-US")} VMs`;
const settleMs = 5_000;

const definitions = {
  login: "the answer to session.login_with_password is complete in the measured process (undici)",
  bareFilled: "xen-api resolves objectsFetched: every record of every class is in its cache",
  painted:
    `the first animation frame after which the VMs table shows rows and the count "${vmCountText}"; ` +
    "the driver opens VMs as soon as the pool's navigation is on screen",
  eventToPixel:
    "a VM's name is changed by another session at the coordinator; from the backend having XAPI's " +
    "answer to its event call to the frame that shows the new name, up to one frame too late",
  editToPixel:
    "the same from the request leaving the other session: with XAPI's own 50 ms of event batching " +
    "and what the virtual host takes",
  ofWhich:
    "until the call is answered, until the backend has the next answer to its event call, until the " +
    "next message (for login: the whole picture) reaches the window; all from the same start",
  memory: "resident memory of the backend's process, 5 s after the table was painted",
  bundle: "dist/renderer: HTML, scripts and styles by gzip level 9, fonts as they are",
};

const aims = { paintedMs: 2_000, eventToPixelP95Ms: 100, backendRssBytes: 250e6, gzipBytes: 1.5e6 };

interface BareRun {
  readonly filledMs: number;
  readonly memory: Memory;
}

async function runBare(pool: DemoPool): Promise<BareRun> {
  const client = startWatched("test/bench/bare-client.ts", []);
  try {
    const filled = client.wait("its full cache", (news) =>
      typeof news === "object" && news !== null && "kind" in news && news.kind === "filled"
        ? (news as BareResult)
        : undefined,
    );
    client.send({ url: pool.hosts[0]?.xapiUrl, user: pool.user, password: pool.password });
    const result = await filled;
    if (result.vmCount !== vmCount || result.hostCount !== hostCount) {
      throw new Error(`the pool has ${result.hostCount} hosts and ${result.vmCount} VMs`);
    }
    const filledMs = result.atMs - (await client.loginAnswered);
    return { filledMs, memory: await client.memory() };
  } finally {
    await client.stop();
  }
}

interface Measured {
  readonly bare: readonly BareRun[];
  readonly paintedMs: readonly number[];
  readonly arrivedMs: readonly number[];
  readonly events: readonly EventSample[];
  readonly memory: Memory;
  readonly skewMs: number;
}

async function measure(
  browser: Browser,
  pool: DemoPool,
  counts: { rounds: number; samples: number },
): Promise<Measured> {
  const bare: BareRun[] = [];
  const paintedMs: number[] = [];
  const arrivedMs: number[] = [];
  let run: SkinkRun | null = null;
  for (let round = 1; round <= counts.rounds; round += 1) {
    await run?.close();
    bare.push(await runBare(pool));
    run = await runSkink(browser, pool, vmCountText);
    paintedMs.push(run.paintedMs);
    arrivedMs.push(run.arrivedMs);
    const last = bare.at(-1)?.filledMs ?? 0;
    tell(`Round ${round}: xen-api ${last.toFixed(0)} ms, Skink ${run.paintedMs.toFixed(0)} ms.`);
  }
  if (run === null) {
    throw new Error("no round was asked for");
  }
  try {
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const memory = await run.backend.memory();
    const session = await openOtherSession(pool);
    const { page, backend, skewMs } = run;
    const { samples } = counts;
    const events = await measureEvents({ page, session, backend, skewMs, count: samples });
    await session.close();
    return { bare, paintedMs, arrivedMs, events, memory, skewMs };
  } finally {
    await run.close();
  }
}

function reportOf(measured: Measured, browserVersion: string): object {
  const { bare, paintedMs, events, memory } = measured;
  const bareMs = bare.map((run) => run.filledMs);
  const editMs = events.map((event) => event.toPixelMs);
  const toPixelMs = events.map((event) => event.toPixelMs - event.toBackendMs);
  const bundle = bundleSize(join(import.meta.dirname, "../../dist/renderer"));
  const painted = median(paintedMs);
  const p95 = quantile(toPixelMs, 0.95);
  return {
    bench: "inventory",
    machine: machineFacts(`Chromium ${browserVersion}, headless`),
    pool: { hostCount, vmCount },
    definitions,
    bareClient: {
      name: "xen-api",
      loginToFilledMs: rounded(median(bareMs)),
      runsMs: bareMs.map((ms) => rounded(ms)),
      rssBytes: median(bare.map((run) => run.memory.rssBytes)),
    },
    skink: {
      loginToPaintedMs: rounded(painted),
      ofWhichToWindowMs: rounded(median(measured.arrivedMs)),
      runsMs: paintedMs.map((ms) => rounded(ms)),
      ratioToBareClient: rounded(painted / median(bareMs), 2),
      eventToPixel: {
        sampleCount: toPixelMs.length,
        p50Ms: rounded(median(toPixelMs), 1),
        p95Ms: rounded(p95, 1),
        maxMs: rounded(Math.max(...toPixelMs), 1),
      },
      editToPixel: {
        p50Ms: rounded(median(editMs), 1),
        p95Ms: rounded(quantile(editMs, 0.95), 1),
        maxMs: rounded(Math.max(...editMs), 1),
        ofWhichP50: {
          callMs: rounded(median(events.map((event) => event.callMs)), 1),
          toBackendMs: rounded(median(events.map((event) => event.toBackendMs)), 1),
          toWindowMs: rounded(median(events.map((event) => event.toWindowMs)), 1),
        },
      },
      backendRssBytes: memory.rssBytes,
      backendRssMaxBytes: memory.rssMaxBytes,
      bundle,
    },
    clockSkewMs: rounded(measured.skewMs, 2),
    aims,
    met: {
      painted: painted <= aims.paintedMs,
      eventToPixel: p95 <= aims.eventToPixelP95Ms,
      backendMemory: memory.rssBytes <= aims.backendRssBytes,
      bundle: bundle.gzipBytes <= aims.gzipBytes,
    },
  };
}

function tell(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      rounds: { type: "string", default: "3" },
      samples: { type: "string", default: "60" },
    },
  });
  const counts = { rounds: Number(values.rounds), samples: Number(values.samples) };
  tell(`Starting a demo pool of ${hostCount} hosts and ${vmCount} VMs.`);
  const pool = await startDemoPool({ preset: "large", timing: "real" });
  try {
    const browser = await launchChromium();
    try {
      const report = reportOf(await measure(browser, pool, counts), browser.version());
      process.stdout.write(`${JSON.stringify(report, null, values.json ? 0 : 2)}\n`);
    } finally {
      await browser.close();
    }
  } finally {
    await pool.stop();
  }
}

await main();
