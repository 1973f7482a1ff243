import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findChromium } from "../../build/chromium.ts";
import { launchChromium } from "../browser/chromium.ts";
import { accessibilityFaults, focusFaults, overflowFaults } from "../look/assertions.ts";

/* The assertions about looks, shown to speak on pages that are wrong in one way each. */

const page = (body: string, style = ""): string =>
  `<!doctype html><html lang="en"><head><title>x</title><style>${style}</style></head>
  <body><main><h1>x</h1>${body}</main></body></html>`;

const good = page(
  `<label>Name <input></label> <button>Go</button><p>A sentence.</p>`,
  `:focus-visible { outline: 2px solid #06c }`,
);

describe.skipIf(findChromium() === null)("on a page", () => {
  let browser: Browser;
  let tab: Page;
  beforeAll(async () => {
    browser = await launchChromium();
    tab = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  });
  afterAll(() => browser.close());

  test("that is well made nothing is said", async () => {
    await tab.setContent(good);
    expect(await accessibilityFaults(tab)).toEqual([]);
    expect(await overflowFaults(tab)).toEqual([]);
    expect(await focusFaults(tab)).toEqual([]);
  });

  test("a button without a name and grey on grey are named", async () => {
    await tab.setContent(page(`<button></button><p style="color:#aaa">Hard to read</p>`));
    const faults = (await accessibilityFaults(tab)).map((fault) => fault.split(":")[0] ?? "");
    expect(faults.sort()).toEqual(["button-name", "color-contrast"]);
  });

  test.each([
    { what: "a page that scrolls sideways", body: `<p style="width:2000px">wide</p>`, count: 1 },
    {
      what: "a box that cuts its content",
      body: `<div style="overflow:hidden;width:300px"><p style="width:400px">wide</p></div>`,
      count: 1,
    },
    {
      what: "a name shortened with an ellipsis, as meant",
      body: `<p style="overflow:hidden;text-overflow:ellipsis;white-space:nowrap;width:200px">${"long ".repeat(30)}</p>`,
      count: 0,
    },
  ])("$what: $count faults", async ({ body, count }) => {
    await tab.setContent(page(body));
    expect(await overflowFaults(tab)).toHaveLength(count);
  });

  test("a button that hides the keyboard is named", async () => {
    await tab.setContent(page(`<button>Go</button>`, `* { outline: none !important }`));
    expect(await focusFaults(tab)).toEqual([
      'button "Go" looks the same with and without the keyboard',
    ]);
  });

  test("a ring on the widget around a hidden input counts", async () => {
    const ring = `input { opacity: 0 } input:focus-visible + span { outline: 2px solid blue }`;
    await tab.setContent(page(`<label><input type="checkbox"><span>Arm</span></label>`, ring));
    expect(await focusFaults(tab)).toEqual([]);
  });

  test("a page that cannot be reached with Tab is named", async () => {
    await tab.setContent(page(`<p>Nothing here</p>`));
    expect(await focusFaults(tab)).toEqual(["nothing on this screen can be reached with Tab"]);
  });
});
