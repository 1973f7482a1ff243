import type { Locator, Page } from "playwright-core";

/** Native HA: its state, its switch, and who sees whom. */
export const haPage = (page: Page) => {
  const on = page.getByRole("region", { name: "Turn native HA on" });
  const off = page.getByRole("region", { name: "Turn native HA off" });
  const dialog = page.getByRole("dialog");
  return {
    state: page.getByRole("region", { name: "State now" }),
    heartbeat: page.getByRole("table", { name: "Heartbeat" }),
    turnOnPanel: on,
    turnOffPanel: off,
    heartbeatSr: (name: string): Locator => on.getByRole("checkbox", { name }),
    timeout: on.getByRole("textbox", { name: "HA timeout in seconds" }),
    tolerance: on.getByRole("textbox", { name: "Host failures to tolerate" }),
    async turnOn(srName: string): Promise<void> {
      await on.getByRole("checkbox", { name: srName }).check();
      await on.getByRole("button", { name: "Turn native HA on" }).click();
      await dialog.getByRole("button", { name: "Turn native HA on" }).click();
    },
    async turnOff(): Promise<void> {
      await off.getByRole("button", { name: "Turn native HA off" }).click();
      await dialog.getByRole("button", { name: "Turn native HA off" }).click();
    },
    failure: page.getByRole("main").getByRole("alert"),
  };
};
