/** What a list of reasons needs to know of one check. */
export interface CheckRow {
  readonly id: string;
  readonly group: "pool" | "host" | "vms" | "storage" | "network" | "people";
  readonly state: "passed" | "review" | "failed" | "skipped";
  readonly title: string;
  readonly sentence: string;
  readonly object: { readonly uuid: string; readonly name: string } | null;
  readonly evidence: string;
  readonly evidenceAtMs: number;
  readonly fix: string | null;
}

export interface CheckGroup {
  readonly state: "failed" | "skipped" | "review";
  readonly heading: string;
  readonly checks: readonly CheckRow[];
}

const headings: readonly { readonly state: CheckGroup["state"]; readonly heading: string }[] = [
  { state: "failed", heading: "Speaks against it" },
  { state: "skipped", heading: "Could not be checked" },
  { state: "review", heading: "To acknowledge" },
];

const groupOrder = ["host", "pool", "vms", "storage", "network", "people"];

/** Failed first, then what is not known, then what wants a person; passed ones apart. */
export const groupChecks = (
  checks: readonly CheckRow[],
): { readonly open: readonly CheckGroup[]; readonly passed: readonly CheckRow[] } => {
  const sorted = checks.toSorted(
    (a, b) => groupOrder.indexOf(a.group) - groupOrder.indexOf(b.group),
  );
  const open = headings
    .map(({ state, heading }) => ({
      state,
      heading,
      checks: sorted.filter((check) => check.state === state),
    }))
    .filter((group) => group.checks.length > 0);
  return { open, passed: sorted.filter((check) => check.state === "passed") };
};

/** The one line for a row: the strongest reason, and how many more there are. */
export const shortReason = (checks: readonly CheckRow[]): string => {
  const { open, passed } = groupChecks(checks);
  const first = open[0]?.checks[0];
  if (first === undefined) {
    return passed.length === 0 ? "Nothing was checked." : `${passed.length} checks passed.`;
  }
  const more = open.reduce((sum, group) => sum + group.checks.length, 0) - 1;
  return more === 0 ? first.sentence : `${first.sentence} And ${more} more.`;
};
