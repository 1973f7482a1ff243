import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults, RunOptions } from "axe-core";
import type { Page } from "playwright-core";

/*
 * What must hold on every screen, whatever it shows. Each function returns sentences about what
 * does not hold; an empty list is a pass. They run inside a real page and change nothing that
 * stays.
 */

const axeSource = readFileSync(
  createRequire(import.meta.url).resolve("axe-core/axe.min.js"),
  "utf8",
);

declare global {
  interface Window {
    readonly axe?: { run(context: Document, options: RunOptions): Promise<AxeResults> };
  }
}

/** Violations of impact serious or critical; contrast is one of them. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => window.axe !== undefined))) {
    await page.evaluate(axeSource);
  }
  const violations = await page.evaluate(async () => {
    const results = await window.axe?.run(document, { resultTypes: ["violations"] });
    return (results?.violations ?? []).map(({ id, impact, help, nodes }) => ({
      id,
      impact: impact ?? "",
      help,
      where: nodes.slice(0, 3).map((node) => `${node.target.join(" ")} (${node.any[0]?.message})`),
      count: nodes.length,
    }));
  });
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, where, count }) => `${id}: ${help}; ${count} ×: ${where.join("; ")}`);
}

/** Content that is wider than its place: cut off, or behind a scroll bar that goes sideways. */
export async function overflowFaults(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const narrowestPx = 20;
    const toleratedPx = 1;
    const faults: string[] = [];
    for (const element of document.querySelectorAll<HTMLElement>("html, body, body *")) {
      const style = getComputedStyle(element);
      const holdsMore = element.scrollWidth > element.clientWidth + toleratedPx;
      const isRoot = element === document.documentElement;
      const clips = isRoot || style.overflowX !== "visible";
      const isField = /^(?:INPUT|TEXTAREA|SELECT)$/u.test(element.tagName);
      const isMeant = isField || style.textOverflow === "ellipsis" || style.display === "inline";
      if (!holdsMore || !clips || isMeant || element.clientWidth < narrowestPx) {
        continue;
      }
      const name = `${element.tagName.toLowerCase()}.${element.className || "-"}`;
      faults.push(`${name} holds ${element.scrollWidth} px in ${element.clientWidth} px`);
    }
    return faults;
  });
}

interface FocusStop {
  readonly name: string;
  readonly isShown: boolean;
  readonly isMarked: boolean;
  /** true when the keyboard was here before */
  readonly isAgain: boolean;
}

/**
 * Walks the screen with Tab and asks at each stop whether a person can see where the keyboard is:
 * the stop or what surrounds it must look different from when the keyboard is elsewhere.
 */
export async function focusFaults(page: Page, stopsMax = 60): Promise<string[]> {
  await stopTransitions(page);
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    for (const element of document.querySelectorAll("[data-look-seen]")) {
      element.removeAttribute("data-look-seen");
    }
  });
  const faults: string[] = [];
  let stopCount = 0;
  for (; stopCount < stopsMax; stopCount += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(lookAtFocus);
    if (stop === null || stop.isAgain) {
      break;
    }
    if (!stop.isShown) {
      faults.push(`${stop.name} takes the keyboard and is not on screen`);
    } else if (!stop.isMarked) {
      faults.push(`${stop.name} looks the same with and without the keyboard`);
    }
  }
  return stopCount === 0 ? ["nothing on this screen can be reached with Tab"] : faults;
}

/** Runs inside the page. Null when the keyboard has left the document. */
function lookAtFocus(): FocusStop | null {
  const element = document.activeElement;
  if (!(element instanceof HTMLElement) || element === document.body) {
    return null;
  }
  const isAgain = element.dataset["lookSeen"] !== undefined;
  element.dataset["lookSeen"] = "";
  // Widgets draw the ring on a neighbour of the real input: look at what surrounds it, too.
  const around = [
    element,
    ...element.querySelectorAll("*"),
    element.parentElement,
    ...(element.parentElement?.querySelectorAll("*") ?? []),
    element.parentElement?.parentElement,
  ].filter((one) => one instanceof HTMLElement);
  const looks = (): string =>
    around
      .slice(0, 60)
      .map((one) => {
        const style = getComputedStyle(one);
        const { outlineStyle, outlineWidth, outlineColor, boxShadow } = style;
        const outline = outlineStyle === "none" ? "" : `${outlineWidth} ${outlineColor}`;
        return [outline, boxShadow, style.borderColor, style.backgroundColor, style.textDecoration];
      })
      .join("|");
  const box = (element.offsetWidth > 1 ? element : (element.parentElement ?? element)) as Element;
  const { width, height, right, bottom, left, top } = box.getBoundingClientRect();
  const isShown =
    width > 1 && height > 1 && right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
  const withKeyboard = looks();
  element.blur();
  const without = looks();
  element.focus({ preventScroll: true, focusVisible: true });
  const label = element.getAttribute("aria-label") ?? element.textContent ?? "";
  const name = `${element.tagName.toLowerCase()} "${label.trim().slice(0, 40)}"`;
  return { name, isShown, isMarked: withKeyboard !== without, isAgain };
}

/** A colour on its way from one to another would be judged where it happens to be. */
async function stopTransitions(page: Page): Promise<void> {
  await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("*, *::before, *::after { transition: none !important }");
    document.adoptedStyleSheets = [sheet];
  });
}

/** Fonts are there, transitions are off, frames went by: what a picture shows now stays. */
export async function settle(page: Page, scheme: "light" | "dark"): Promise<void> {
  await stopTransitions(page);
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
  await page.waitForFunction(
    (wanted) => document.documentElement.dataset["mantineColorScheme"] === wanted,
    scheme,
  );
  await page.evaluate(async () => {
    await document.fonts.ready;
    await Promise.allSettled(
      document
        .getAnimations()
        .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity)
        .map((animation) => animation.finished),
    );
    await new Promise((resolve) =>
      requestAnimationFrame(() => requestAnimationFrame(() => resolve(null))),
    );
  });
}
