import type { Page } from "playwright-core";

/*
 * When did a person see it? The page looks at itself after every change of its document; once what
 * is waited for is there, it waits for the next animation frame and for the first task after it,
 * which runs when that frame is on its way to the screen. A change made inside a frame is so
 * counted up to one frame too late, never too early.
 */

/** A message that reached the window through its WebSocket. */
export interface Arrival {
  /** milliseconds since the epoch by the page's clock */
  readonly atMs: number;
  readonly charCount: number;
}

interface PaintWatch {
  readonly arrivals: readonly Arrival[];
  /** starts waiting; one wait at a time */
  arm(check: PaintCheck): void;
  /** milliseconds since the epoch by the page's clock */
  painted(): Promise<number>;
}

/** Plain data, because it travels into the page: every selector must match and contain its text. */
export type PaintCheck = readonly { readonly selector: string; readonly text: string }[];

declare global {
  interface Window {
    skinkPaintWatch?: PaintWatch;
  }
}

/** Runs inside the page; must not use anything from outside itself. */
function install(): void {
  let wait: { check: PaintCheck; done: (atMs: number) => void } | null = null;
  let painted: Promise<number> = Promise.reject(new Error("nothing is waited for"));
  painted.catch(() => undefined);
  const holds = (check: PaintCheck): boolean =>
    check.every(({ selector, text }) => {
      const found = [...document.querySelectorAll(selector)];
      return found.some((element) => (element.textContent ?? "").includes(text));
    });
  const look = (): void => {
    const met = wait;
    if (met === null || !holds(met.check)) {
      return;
    }
    wait = null;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => met.done(performance.timeOrigin + performance.now());
      channel.port2.postMessage(null);
    });
  };
  const arrivals: Arrival[] = [];
  const arrivalsMax = 5_000;
  // A listener of its own beside the window's; it is there first and so is told first.
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
        const atMs = performance.timeOrigin + performance.now();
        arrivals.push({ atMs, charCount: typeof data === "string" ? data.length : 0 });
        arrivals.splice(0, arrivals.length - arrivalsMax);
      });
    }
  };
  new MutationObserver(look).observe(document, {
    subtree: true,
    childList: true,
    characterData: true,
    attributes: true,
  });
  window.skinkPaintWatch = {
    arrivals,
    arm(check) {
      painted = new Promise((done) => {
        wait = { check, done };
      });
      look();
    },
    painted: () => painted,
  };
}

export async function installPaintWatch(page: Page): Promise<void> {
  await page.addInitScript(install);
}

export async function armPaintWatch(page: Page, check: PaintCheck): Promise<void> {
  await page.evaluate((wanted) => window.skinkPaintWatch?.arm(wanted), check);
}

/** Rejects when nothing was painted in time. */
export async function whenPainted(page: Page, timeoutMs: number): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not painted within ${timeoutMs} ms`)), timeoutMs);
  });
  const atMs = page.evaluate(() => window.skinkPaintWatch?.painted());
  try {
    return (await Promise.race([atMs, late])) ?? Number.NaN;
  } finally {
    clearTimeout(timer);
  }
}

/** Messages the window got so far, oldest first. */
export async function arrivalsIn(page: Page): Promise<readonly Arrival[]> {
  return (await page.evaluate(() => window.skinkPaintWatch?.arrivals)) ?? [];
}

/** The page's clock minus this process's, from the quickest of several questions. */
export async function clockSkewMs(page: Page): Promise<number> {
  let best = { tripMs: Number.POSITIVE_INFINITY, skewMs: 0 };
  for (let round = 0; round < 20; round += 1) {
    const askedMs = performance.timeOrigin + performance.now();
    const pageMs = await page.evaluate(() => performance.timeOrigin + performance.now());
    const answeredMs = performance.timeOrigin + performance.now();
    const tripMs = answeredMs - askedMs;
    if (tripMs < best.tripMs) {
      best = { tripMs, skewMs: pageMs - (askedMs + answeredMs) / 2 };
    }
  }
  return best.skewMs;
}
