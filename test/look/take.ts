import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { accessibilityFaults, focusFaults, overflowFaults, settle } from "./assertions.ts";
import type { Picture } from "./contact-sheet.ts";
import type { ConsoleFacts } from "./console-process.ts";
import type { Screen } from "./screens.ts";

const sizes = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
] as const;
const schemes = ["light", "dark"] as const;
const actionTimeoutMs = 15_000;

export interface Session {
  readonly page: Page;
  readonly context: BrowserContext;
  /** loads the window anew, as if the person had just come */
  home(): Promise<void>;
}

/** Redeems the link once; every later load uses the cookie. */
export async function openSession(browser: Browser, url: string): Promise<Session> {
  const context = await browser.newContext({ viewport: sizes[0], reducedMotion: "reduce" });
  context.setDefaultTimeout(actionTimeoutMs);
  const page = await context.newPage();
  await page.goto(url);
  await page.getByRole("navigation", { name: "Pools and hosts" }).waitFor();
  const home = async (): Promise<void> => {
    await page.setViewportSize(sizes[0]);
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto(new URL("/", url).href);
    await page.reload();
    await page.getByRole("navigation", { name: "Pools and hosts" }).waitFor();
  };
  return { page, context, home };
}

export interface Shooting {
  readonly session: Session;
  readonly facts: ConsoleFacts;
  readonly screens: readonly Screen[];
  /** as in the file name: two, sixteen, start */
  readonly pool: string;
  /** where the pictures go; null takes none and only looks */
  readonly folder: string | null;
  readonly tell: (sentence: string) => void;
}

/** Goes to every screen and looks at it in both sizes and both schemes. */
export async function take(shooting: Shooting): Promise<Picture[]> {
  const pictures: Picture[] = [];
  const { screens, pool } = shooting;
  for (const screen of screens.filter(({ pools }) => pools?.includes(pool) ?? true)) {
    pictures.push(...(await takeScreen(shooting, screen)));
  }
  return pictures;
}

async function takeScreen(shooting: Shooting, screen: Screen): Promise<Picture[]> {
  const { session, facts, pool, tell } = shooting;
  const { page } = session;
  const pictures: Picture[] = [];
  try {
    await session.home();
    await screen.open(page, facts);
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    pictures.push(await shoot(shooting, screen, { faults: [`not reached: ${reason}`] }));
    tell(`${pool} ${screen.name}: not reached: ${reason}`);
    return pictures;
  }
  for (const size of sizes) {
    for (const scheme of schemes) {
      await page.setViewportSize(size);
      await settle(page, scheme);
      const faults = [...(await accessibilityFaults(page)), ...(await overflowFaults(page))];
      pictures.push(await shoot(shooting, screen, { size, scheme, faults }));
    }
  }
  await page.setViewportSize(sizes[0]);
  const faults = [...(await focusFaults(page)), ...(await leave(shooting, screen))];
  if (faults.length > 0 && pictures[0] !== undefined) {
    pictures[0] = { ...pictures[0], faults: [...pictures[0].faults, ...faults] };
  }
  for (const picture of pictures) {
    for (const fault of picture.faults) {
      tell(`${picture.file}: ${fault}`);
    }
  }
  return pictures;
}

async function leave({ session, facts }: Shooting, screen: Screen): Promise<string[]> {
  try {
    await session.home();
    await screen.leave?.(session.page, facts);
    return [];
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    return [`could not be left: ${reason}`];
  }
}

interface Shot {
  readonly size?: (typeof sizes)[number];
  readonly scheme?: (typeof schemes)[number];
  readonly faults: readonly string[];
}

async function shoot(shooting: Shooting, screen: Screen, shot: Shot): Promise<Picture> {
  const { size = sizes[0], scheme = "light", faults } = shot;
  const { pool, folder } = shooting;
  const file = `${screen.name}-${pool}-${scheme}-${size.width}x${size.height}.png`;
  if (folder !== null) {
    await shooting.session.page.screenshot({ path: join(folder, file) });
  }
  const sizeText = `${size.width}x${size.height}`;
  return { file, screen: screen.name, pool, scheme, size: sizeText, faults };
}
