import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, type KeyboardEvent } from "react";
import type { TimelineItem } from "../../../main/contract/timeline.ts";
import { Mark } from "../../ui/mark.tsx";
import { toneMarks } from "./item-words.ts";
import { exactTime } from "./view.ts";

const rowHeightPx = 46;

/**
 * The same as the lanes, as an ordered list of sentences, for whoever does not see the canvas and
 * for reading an incident from top to bottom. Only rows in view exist; each says its place.
 */
export const ItemList = (props: {
  readonly items: readonly TimelineItem[];
  readonly laneNames: ReadonlyMap<string, string>;
  readonly selectedId: string | null;
  readonly onSelect: (item: TimelineItem) => void;
}) => {
  const { items, laneNames, selectedId, onSelect } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeightPx,
    overscan: 6,
  });
  const selectedAt = selectedId === null ? -1 : items.findIndex((item) => item.id === selectedId);
  useEffect(() => {
    if (selectedAt >= 0) virtualizer.scrollToIndex(selectedAt, { align: "auto" });
  }, [selectedAt, virtualizer]);
  const step = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = items[Math.max(0, Math.min(items.length - 1, selectedAt + by))];
    if (next !== undefined) onSelect(next);
  };
  return (
    <div
      className="sk-time__scroll"
      ref={scroller}
      tabIndex={0}
      role="region"
      aria-label="List of what happened"
      onKeyDown={step}
    >
      <ol style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((row) => {
          const item = items[row.index];
          return item === undefined ? null : (
            <li
              key={item.id}
              style={{ transform: `translateY(${row.start}px)`, height: rowHeightPx }}
              aria-setsize={items.length}
              aria-posinset={row.index + 1}
            >
              <button
                type="button"
                tabIndex={-1}
                aria-current={item.id === selectedId ? "true" : undefined}
                onClick={() => onSelect(item)}
              >
                <span className="sk-time__when">
                  <Mark name={toneMarks[item.tone]} onlyIcon sizePx={13} />
                  <time title={exactTime(item.atMs)}>{exactTime(item.atMs).slice(11)}</time>
                  <span className="sk-cut sk-faint">{laneNames.get(item.laneId)}</span>
                </span>
                <span className="sk-cut" title={item.text}>
                  {item.text}
                </span>
              </button>
            </li>
          );
        })}
      </ol>
    </div>
  );
};
