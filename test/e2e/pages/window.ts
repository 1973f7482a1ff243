import type { Locator, Page } from "playwright-core";

export type Room = "Overview" | "VMs" | "High availability" | "Reboot" | "Timeline" | "Agents";

/** What every screen has: the rail, the verdict, the connection, the rooms. */
export const windowOf = (page: Page) => {
  const rooms = page.getByRole("navigation", { name: "Rooms of the pool" });
  const rail = page.getByRole("navigation", { name: "Pools and hosts" });
  return {
    page,
    rail,
    connection: page.getByRole("status", { name: "Connection" }),
    /** pool verdict: its word is the text */
    verdict: page.getByRole("banner").locator(".sk-mark").first(),
    content: page.getByRole("main"),
    gone: page.getByRole("alert").filter({ hasText: "backend is gone" }),
    locked: page.getByRole("alert").filter({ hasText: "window is locked" }),
    async goTo(room: Room): Promise<void> {
      await rooms.getByRole("link", { name: room, exact: true }).click();
    },
    async openPool(name: string): Promise<void> {
      await rail.getByRole("link", { name }).first().click();
    },
    hostInRail(name: string): Locator {
      return rail.getByRole("list", { name: "Hosts of this pool" }).getByRole("link", { name });
    },
    /** waits until the connection strip says Live */
    async untilLive(timeoutMs: number): Promise<void> {
      await page
        .getByRole("status", { name: "Connection" })
        .filter({ hasText: "Live via" })
        .waitFor({ timeout: timeoutMs });
    },
  };
};
