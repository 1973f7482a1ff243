import type { Locator, Page } from "playwright-core";

/** Agents: what they see, how they come onto the hosts, their settings. */
export const agentsPage = (page: Page) => {
  const agents = page.getByRole("table", { name: "Agents", exact: true });
  const dialog = page.getByRole("dialog");
  const main = page.getByRole("main");
  return {
    agents,
    row: (host: string): Locator => agents.locator(`tr[data-host="${host}"]`),
    heartbeats: page.getByRole("table", { name: "Heartbeats per path" }),
    disagreements: page.getByRole("table", { name: "Disagreements" }),
    async usePassword(password: string): Promise<void> {
      await main.getByRole("textbox", { name: "Password of root on the hosts" }).fill(password);
      await main.getByRole("button", { name: "Use this login" }).click();
    },
    lookAtKeys: main.getByRole("button", { name: "Look at the keys" }),
    keys: page.getByRole("table", { name: "SSH keys of the hosts" }),
    acceptKeys: main.getByRole("button", { name: /^They match: accept/u }),
    lookAtHosts: main.getByRole("button", { name: "Look at all hosts" }),
    acknowledgements: main.getByRole("checkbox", { name: /^Acknowledge: /u }),
    dryRun: main.getByRole("button", { name: "Dry run" }),
    install: main.getByRole("button", { name: "Install agents" }),
    /** `data-end` is the status of the run in the contract */
    run: main.locator("[data-end]"),
    closeReport: main.getByRole("button", { name: "Close the report" }),
    async remove(): Promise<void> {
      await main.getByRole("button", { name: "Remove agents" }).click();
      await dialog.getByRole("button", { name: "Remove agents" }).click();
    },
    setting: (title: string): Locator => main.getByRole("textbox", { name: title }),
    showChanges: main.getByRole("button", { name: "Show what changes" }),
    changes: page.getByRole("table", { name: "Changes" }),
    applySettings: main.getByRole("button", { name: "Apply to the pool" }),
  };
};
