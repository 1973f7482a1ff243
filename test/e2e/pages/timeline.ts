import type { Locator, Page } from "playwright-core";

/** Lanes on a canvas; what can be asserted of them is in the list and the details beside it. */
export const timelinePage = (page: Page) => {
  const list = page.getByRole("region", { name: "List of what happened" });
  const details = page.getByRole("region", { name: "Details" });
  return {
    canvas: page.getByRole("application", { name: /^Timeline of/u }),
    search: page.getByRole("textbox", { name: "Search the timeline" }),
    list,
    /** an entry of the list by words of its sentence; only entries in view exist */
    entry: (text: string | RegExp): Locator => list.getByRole("button").filter({ hasText: text }),
    details,
    /** name and value of each input */
    inputs: details.locator('dl[aria-label="Inputs"]'),
    closeDetails: details.getByRole("button", { name: "Close details" }),
    nextMark: page.getByRole("button", { name: /^Next mark/u }),
    previousMark: page.getByRole("button", { name: /^Previous mark/u }),
    fit: page.getByRole("button", { name: /^Show everything/u }),
    /** pressed while the right end follows the clock */
    live: page.getByRole("button", { name: /^Follow(ing)? now$/u }),
    exportReport: page.getByRole("button", { name: "Export report" }),
    exportLines: page.getByRole("button", { name: "Export JSON lines" }),
  };
};
