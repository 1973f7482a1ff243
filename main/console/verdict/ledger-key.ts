/** Keys in `pool.other_config` that the console writes while it changes a pool. */
export const ledgerPrefix = "skink.run";

/** Who holds the ledger, as the start of a sentence; never throws on what somebody else wrote. */
export function readLedgerOwner(config: Readonly<Record<string, string>>): string {
  try {
    const head: unknown = JSON.parse(config[ledgerPrefix] ?? "");
    if (typeof head === "object" && head !== null) {
      const owner = "owner" in head && typeof head.owner === "string" ? head.owner : "";
      const host = "host" in head && typeof head.host === "string" ? head.host : "";
      if (owner !== "" && host !== "") return `${owner}, rebooting “${host}”,`;
      if (owner !== "") return owner;
    }
  } catch {
    return "Another console";
  }
  return "Another console";
}

const changeNames: Readonly<Record<string, string>> = {
  "ha-off": "native HA",
  "autostart-off": "the automatic start of VMs",
  "hand-over": "the coordinator role",
  maintenance: "the host's maintenance",
  "stop-vms": "VMs that were shut down",
  evacuate: "VMs that were moved",
  reboot: "the reboot itself",
};

/** What a ledger says may have been changed, as noun phrases in the order of its keys. */
export function ledgerChanges(config: Readonly<Record<string, string>>): string[] {
  return Object.keys(config)
    .filter((key) => key.startsWith(`${ledgerPrefix}.`))
    .map((key) => changeNames[key.slice(ledgerPrefix.length + 1)] ?? key);
}
