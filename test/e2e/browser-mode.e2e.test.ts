import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Served, serve } from "../../main/shells/serve.ts";
import { launchChromium } from "../browser/chromium.ts";

/* The door of browser mode with a real browser in front of it. */
const root = fileURLToPath(new URL("../..", import.meta.url));

let browser: Browser;
let served: Served;
let config = "";
const configBefore = process.env["XDG_CONFIG_HOME"];
const logged: string[] = [];

beforeAll(async () => {
  config = mkdtempSync(path.join(os.tmpdir(), "skink-config-"));
  process.env["XDG_CONFIG_HOME"] = config;
  browser = await launchChromium();
  served = await serve({
    options: { verb: "start", preset: "two", port: 0, open: false, json: false },
    root,
    timing: "fast",
    log: (sentence) => logged.push(sentence),
  });
});
beforeEach(() => logged.splice(0));
afterAll(async () => {
  await served.stop();
  await browser.close();
  rmSync(config, { recursive: true, force: true });
  if (configBefore === undefined) delete process.env["XDG_CONFIG_HOME"];
  else process.env["XDG_CONFIG_HOME"] = configBefore;
});

/** A window of its own person: no cookies of the others. Notes what the page's policy refuses. */
async function newWindow(): Promise<{ page: Page; refused: string[] }> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const refused: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") refused.push(message.text());
  });
  page.on("pageerror", (error) => refused.push(error.message));
  return { page, refused };
}

const isWelcome = (page: Page) => page.getByText("Explore the demo pool").first().waitFor();

describe("the link of browser mode", () => {
  test("opens the console without breaking its own policy, and leaves no token behind", async () => {
    const { page, refused } = await newWindow();
    const link = served.newLink();
    await page.goto(link);
    await isWelcome(page);
    expect(page.url()).not.toContain("token");
    expect(await page.evaluate(() => document.cookie)).toBe("");
    expect(await page.evaluate(() => Object.keys(localStorage).join())).not.toContain("token");
    expect(refused).toEqual([]);
    await page.context().close();
  });

  test("survives a reload and a second tab, because the session is in the cookie", async () => {
    const { page } = await newWindow();
    const link = new URL(served.newLink());
    await page.goto(link.href);
    await isWelcome(page);
    await page.reload();
    await isWelcome(page);
    const tab = await page.context().newPage();
    await tab.goto(`${link.origin}/`);
    await isWelcome(tab);
    await page.context().close();
  });

  test("works once: who has it second is told so and sees nothing", async () => {
    const { page: first } = await newWindow();
    const link = served.newLink();
    await first.goto(link);
    await isWelcome(first);
    const { page: second } = await newWindow();
    await second.goto(link);
    await second.getByText("each link works once").first().waitFor();
    expect(await second.getByText("Explore the demo pool").count()).toBe(0);
    expect(logged.join()).toContain("opened a second time");
    await first.context().close();
    await second.context().close();
  });

  test("is needed: the bare address says that this window has no session", async () => {
    const { page } = await newWindow();
    await page.goto(new URL(served.newLink()).origin);
    await page.getByText("no session").first().waitFor();
    await page.context().close();
  });
});

describe("another page in the same browser", () => {
  /** Somebody else's server on this machine: browsers send it our cookie, ports do not matter. */
  async function withForeignPage(look: (page: Page, console_: URL) => Promise<void>) {
    const foreign = http.createServer((_request, response) => {
      response.setHeader("Content-Type", "text/html").end("<p>foreign</p>");
    });
    await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
    const { page } = await newWindow();
    const link = new URL(served.newLink());
    try {
      await page.goto(link.href);
      await isWelcome(page);
      logged.splice(0);
      await page.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`);
      await look(page, link);
    } finally {
      await page.context().close();
      foreign.close();
    }
  }

  test("gets no pipe, although the browser sends the cookie", async () => {
    await withForeignPage(async (page, console_) => {
      const outcome = await page.evaluate((url) => {
        return new Promise<string>((resolve) => {
          const socket = new WebSocket(url);
          socket.onopen = () => resolve("open");
          socket.onerror = () => resolve("refused");
        });
      }, `ws://${console_.host}/pipe`);
      expect(outcome).toBe("refused");
      expect(logged.join()).toMatch(/Origin "http:\/\/127\.0\.0\.1:\d+" is not this console/);
    });
  });

  test("can neither frame the console nor read or post to it", async () => {
    await withForeignPage(async (page, console_) => {
      const outcomes = await page.evaluate(async (origin) => {
        const read = await fetch(`${origin}/`, { credentials: "include" }).then(
          () => "read",
          () => "refused",
        );
        const form = { method: "POST", mode: "no-cors", body: "{}" } as const;
        await fetch(`${origin}/session`, form).catch(() => undefined);
        const frame = document.createElement("iframe");
        frame.src = `${origin}/`;
        document.body.append(frame);
        await new Promise((resolve) => (frame.onload = resolve));
        return { read, frameIsOpaque: frame.contentDocument === null };
      }, console_.origin);
      expect(outcomes.read).toBe("refused");
      expect(outcomes.frameIsOpaque).toBe(true);
      expect(logged.join()).toMatch(/Origin "http:\/\/127\.0\.0\.1:\d+" is not this console/);
      const framed = page.frames().find((frame) => frame !== page.mainFrame());
      expect(await framed?.getByText("Explore the demo pool").count()).toBe(0);
    });
  });
});
