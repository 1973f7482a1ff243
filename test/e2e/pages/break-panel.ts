import type { Locator, Page } from "playwright-core";

export type BreakVerb =
  | "Cut power"
  | "Power on"
  | "Cut network"
  | "Plug network in"
  | "Hang XAPI"
  | "Resume XAPI"
  | "Crash XAPI"
  | "Reboot from the shell"
  | "Fill the disk"
  | "Free the disk";

/** The demo pool's hardware. */
export const breakPanel = (page: Page) => {
  const panel = page.getByRole("complementary", { name: "Break things" });
  return {
    panel,
    open: page.getByRole("button", { name: "Break things" }),
    close: panel.getByRole("button", { name: "Close" }),
    host: (name: string): Locator => panel.getByRole("region", { name, exact: true }),
    async act(verb: BreakVerb, host: string): Promise<void> {
      await panel.getByRole("button", { name: `${verb}: ${host}`, exact: true }).click();
    },
    async chooseLink(from: string, to: string): Promise<void> {
      await panel.getByRole("combobox", { name: "From" }).selectOption(from);
      await panel.getByRole("combobox", { name: "To" }).selectOption(to);
    },
    cutLink: panel.getByRole("button", { name: "Cut link" }),
    failure: panel.getByRole("alert"),
  };
};
