import type { Page } from "playwright-core";

/** First run: connect, or explore the demo pool. */
export const welcomePage = (page: Page) => ({
  heading: page.getByRole("heading", { level: 1, name: "May this host be rebooted now?" }),
  connect: page.getByRole("main").getByRole("button", { name: "Connect to a pool" }),
  explore: page.getByRole("button", { name: "Explore the demo pool" }),
  async chooseSize(hosts: 2 | 16 | 64): Promise<void> {
    await page
      .getByRole("radiogroup", { name: "Size of the demo pool" })
      .getByText(`${hosts} hosts`)
      .click();
  },
});
