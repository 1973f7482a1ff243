import type { HostSummary, Treatment, VmSummary } from "../../../main/contract/pool.ts";

export interface VmFilter {
  readonly text: string;
  /** a host's uuid, "nowhere" for VMs that run on none, or null for all */
  readonly hostUuid: string | null;
  readonly treatment: Treatment | null;
}

export const noFilter: VmFilter = { text: "", hostUuid: null, treatment: null };

export interface VmRow {
  readonly vm: VmSummary;
  readonly hostName: string;
}

const plain = (text: string): string =>
  text
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "")
    .toLowerCase();

/**
 * Every word must be found in the VM's, its host's or its appliance's name; accents do not count.
 */
const textMatches = (row: VmRow, words: readonly string[]): boolean => {
  if (words.length === 0) return true;
  const haystack = plain(`${row.vm.name} ${row.hostName} ${row.vm.applianceName ?? ""}`);
  return words.every((word) => haystack.includes(word));
};

const rowCache = new WeakMap<VmSummary, VmRow>();

/** A VM that did not change keeps its row object, so that its line is not painted again. */
export const rowsOf = (
  vms: ReadonlyMap<string, VmSummary>,
  hosts: ReadonlyMap<string, HostSummary>,
): VmRow[] =>
  [...vms.values()].map((vm) => {
    const hostName = vm.hostUuid === null ? "" : (hosts.get(vm.hostUuid)?.name ?? "unknown host");
    const known = rowCache.get(vm);
    if (known !== undefined && known.hostName === hostName) return known;
    const row = { vm, hostName };
    rowCache.set(vm, row);
    return row;
  });

export const filterRows = (rows: readonly VmRow[], filter: VmFilter): VmRow[] => {
  const words = plain(filter.text)
    .split(/\s+/u)
    .filter((word) => word !== "");
  return rows.filter(
    (row) =>
      (filter.treatment === null || row.vm.treatment === filter.treatment) &&
      (filter.hostUuid === null || (row.vm.hostUuid ?? "nowhere") === filter.hostUuid) &&
      textMatches(row, words),
  );
};
