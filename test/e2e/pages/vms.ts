import type { Locator, Page } from "playwright-core";

export type TreatmentWord = "Restart" | "Best effort" | "Unprotected";

/** The table of VMs and the panel of changes beside it. */
export const vmsPage = (page: Page) => {
  const table = page.getByRole("grid", { name: "VMs" });
  const side = page.getByRole("complementary", { name: "Edit and changes" });
  return {
    table,
    search: page.getByRole("textbox", { name: "Search VMs" }),
    hostFilter: page.getByRole("combobox", { name: "Host", exact: true }),
    treatmentFilter: page.getByRole("combobox", { name: "Treatment", exact: true }),
    sequenceButton: page.getByRole("button", { name: "Start sequence" }),
    sequence: page.getByRole("region", { name: "Start sequence after a host is lost" }),
    row: (vm: string): Locator => table.getByRole("row").filter({ hasText: vm }),
    select: (vm: string): Locator =>
      page.getByRole("checkbox", { name: `Select ${vm}`, exact: true }),
    treatment: (vm: string): Locator =>
      page.getByRole("combobox", { name: `Treatment of ${vm}`, exact: true }),
    order: (vm: string): Locator =>
      page.getByRole("textbox", { name: `Order of ${vm}`, exact: true }),
    delay: (vm: string): Locator =>
      page.getByRole("textbox", { name: `Delay of ${vm} in seconds`, exact: true }),
    bulkTreatment: side.getByRole("combobox", { name: "Treatment of the selected VMs" }),
    bulkOrder: side.getByRole("textbox", { name: "Order of the selected VMs" }),
    bulkDelay: side.getByRole("textbox", { name: "Delay of the selected VMs in seconds" }),
    changes: side.getByRole("list", { name: "Changes" }),
    apply: side.getByRole("button", { name: /^Apply/u }),
    discard: side.getByRole("button", { name: "Discard" }),
    failure: side.getByRole("alert"),
    async setOrder(vm: string, order: number): Promise<void> {
      const box = page.getByRole("textbox", { name: `Order of ${vm}`, exact: true });
      await box.fill(String(order));
      await box.press("Enter");
    },
    async setTreatment(vm: string, treatment: TreatmentWord): Promise<void> {
      await page
        .getByRole("combobox", { name: `Treatment of ${vm}`, exact: true })
        .selectOption({ label: treatment });
    },
  };
};
