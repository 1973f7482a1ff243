import type { Locator, Page } from "playwright-core";

/** Choose, read the verdict, acknowledge, confirm; then the run and its end. */
export const rebootPage = (page: Page) => {
  const phases = page.getByRole("list", { name: "Phases" });
  const confirm = page.getByRole("region", { name: "Confirm" });
  const dialog = page.getByRole("dialog");
  return {
    choose: (host: string): Locator =>
      page.getByRole("table", { name: "Hosts to reboot" }).getByRole("link", { name: host }),
    verdict: (host: string): Locator => page.getByRole("region", { name: `May I reboot ${host}?` }),
    acknowledgements: page.getByRole("checkbox", { name: /^Acknowledge: /u }),
    async acknowledgeAll(): Promise<void> {
      const boxes = await page.getByRole("checkbox", { name: /^Acknowledge: /u }).all();
      for (const box of boxes) await box.check();
    },
    handOverTo: page.getByRole("combobox", { name: "Hand the coordinator role to" }),
    plan: page.getByRole("list", { name: "Plan" }),
    /** says why it cannot start yet */
    obstacle: confirm.getByRole("status"),
    typedName: confirm.getByRole("textbox"),
    start: confirm.getByRole("button", { name: /^Reboot /u }),
    failure: confirm.getByRole("alert"),
    phases,
    /** `data-state` of a phase is its state in the contract */
    phase: (title: string | RegExp): Locator =>
      phases.getByRole("listitem").filter({ hasText: title }),
    now: page.getByRole("region", { name: /^(Happening|Being put back) now$/u }),
    async stopAndPutBack(): Promise<void> {
      await page.getByRole("main").getByRole("button", { name: "Stop and put back" }).click();
      await dialog.getByRole("button", { name: "Stop and put back" }).click();
    },
    /** `data-end` is done, put-back or needs-person */
    outcome: page.getByRole("main").locator("[data-end]"),
    comparison: page.getByRole("table", { name: "Before and after" }),
    closeReport: page.getByRole("button", { name: "Close the report" }),
  };
};
