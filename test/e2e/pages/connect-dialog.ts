import type { Page } from "playwright-core";

/** Address and password, then the certificate on first use or after a change. */
export const connectDialog = (page: Page) => {
  const dialog = page.getByRole("dialog");
  return {
    dialog,
    address: dialog.getByLabel("Address of any host of the pool"),
    user: dialog.getByLabel("User"),
    password: dialog.getByRole("textbox", { name: "Password" }),
    remember: dialog.getByRole("checkbox"),
    submit: dialog.getByRole("button", { name: "Connect", exact: true }),
    cancel: dialog.getByRole("button", { name: "Cancel" }),
    /** the failure of the last try, with its next step */
    failure: dialog.getByRole("alert"),
    presentedFingerprint: dialog.getByRole("group", { name: /^Presented fingerprint/u }),
    trustedFingerprint: dialog.getByRole("group", { name: /^Trusted fingerprint/u }),
    trust: dialog.getByRole("button", { name: "They match: trust and connect" }),
    doNotTrust: dialog.getByRole("button", { name: "Do not trust it" }),
    async fill(to: { address: string; user: string; password: string }): Promise<void> {
      await dialog.getByLabel("Address of any host of the pool").fill(to.address);
      await dialog.getByLabel("User").fill(to.user);
      await dialog.getByRole("textbox", { name: "Password" }).fill(to.password);
    },
  };
};

/** The red stop that takes the room of a pool whose host presents another certificate. */
export const redStop = (page: Page) => {
  const region = page.getByRole("region", { name: "Certificate changed" });
  return {
    region,
    trusted: region.getByRole("group", { name: /^Trusted fingerprint/u }),
    presented: region.getByRole("group", { name: /^Presented fingerprint/u }),
    typedName: region.getByRole("textbox"),
    accept: region.getByRole("button", { name: "Accept the new certificate" }),
  };
};
