import type { Locator, Page } from "playwright-core";

/** Hosts, what protects the pool, storage, and the answer per host. */
export const overviewPage = (page: Page) => {
  const hosts = page.getByRole("table", { name: "Hosts", exact: true });
  const row = (host: string): Locator => hosts.locator(`tr[data-host="${host}"]`);
  return {
    hosts,
    row,
    engine: page.getByRole("region", { name: "What protects this pool" }),
    storage: page.getByRole("region", { name: "Storage" }),
    /** pools of up to four hosts: the reasons of one host, always shown */
    answer: (host: string): Locator => page.getByRole("region", { name: `May I reboot ${host}?` }),
    /** larger pools: opens or closes the reasons below the host's row */
    async toggleReasons(host: string): Promise<void> {
      await row(host)
        .getByRole("button", { name: `Reasons for ${host}:` })
        .click();
    },
    planReboot: (host: string): Locator =>
      page.getByRole("link", { name: `Plan a reboot of ${host}` }),
  };
};
