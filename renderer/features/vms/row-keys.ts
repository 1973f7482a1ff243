/** Where a key leads from the row that holds the keyboard, or null for other keys. */
export const moveIndex = (
  key: string,
  at: { readonly index: number; readonly count: number; readonly pageRows: number },
): number | null => {
  const last = Math.max(0, at.count - 1);
  switch (key) {
    case "ArrowDown":
      return Math.min(last, at.index + 1);
    case "ArrowUp":
      return Math.max(0, at.index - 1);
    case "PageDown":
      return Math.min(last, at.index + at.pageRows);
    case "PageUp":
      return Math.max(0, at.index - at.pageRows);
    case "Home":
      return 0;
    case "End":
      return last;
    default:
      return null;
  }
};

/** Toggles one row, or with an anchor selects everything between it and the row, both included. */
export const selectRange = (at: {
  readonly selected: ReadonlySet<string>;
  readonly order: readonly string[];
  readonly uuid: string;
  readonly anchor: string | null;
}): ReadonlySet<string> => {
  const after = new Set(at.selected);
  const from = at.anchor === null ? -1 : at.order.indexOf(at.anchor);
  const to = at.order.indexOf(at.uuid);
  if (from === -1 || to === -1) {
    if (!after.delete(at.uuid)) after.add(at.uuid);
    return after;
  }
  for (const uuid of at.order.slice(Math.min(from, to), Math.max(from, to) + 1)) after.add(uuid);
  return after;
};
