import {
  useDeferredValue,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
} from "react";
import type { TimelineItem } from "../../../main/contract/timeline.ts";
import type { TimelineFacts } from "../../console/timeline.ts";
import { Mark } from "../../ui/mark.tsx";
import { Notice } from "../../ui/notice.tsx";
import { EmptyPicture } from "../../ui/picture.tsx";
import { Details } from "./details.tsx";
import { toneMarks } from "./item-words.ts";
import { ItemList } from "./item-list.tsx";
import { neighbour } from "./order.ts";
import { onTimelineKey } from "./timeline-keys.ts";
import { focusSearch, Toolbar } from "./toolbar.tsx";
import { useOrdered, usePicture } from "./use-picture.ts";
import { useStage } from "./use-stage.ts";
import "./timeline.css";

const isNotable = (item: TimelineItem): boolean => item.tone !== "neutral" || item.kind === "gap";

/** What is missing of the hosts' journals, by name: nothing may be concluded for them. */
const Missing = ({ facts }: { readonly facts: TimelineFacts }) => {
  const missing = facts.journals.filter((journal) => !journal.isLive);
  if (missing.length === 0) return null;
  return (
    <Notice tone="warn">
      {missing.map((journal) => (
        <p key={journal.hostUuid}>
          <strong>{journal.hostName}</strong>: {journal.sentence}
        </p>
      ))}
    </Notice>
  );
};

const Legend = () => (
  <p className="sk-time__legend" aria-hidden>
    <Mark name={toneMarks.neutral} sizePx={12} />
    <Mark name={toneMarks.good} sizePx={12} />
    <Mark name={toneMarks.notice} sizePx={12} />
    <Mark name={toneMarks.bad} sizePx={12} />
    <span className="sk-time__hatch" /> not known
    <span className="sk-grow" />
    <span>
      <kbd>A</kbd> <kbd>D</kbd> move <kbd>W</kbd> <kbd>S</kbd> zoom <kbd>[</kbd> <kbd>]</kbd> marks
    </span>
  </p>
);

const help =
  "A and D move, W and S zoom, square brackets go to the previous and next mark, Home and End to " +
  "the first entry and to now, F shows everything, Enter opens the details, slash searches. The " +
  "list beside it says the same in sentences.";

const withToggled = (set: ReadonlySet<string>, id: string): ReadonlySet<string> => {
  const after = new Set(set);
  if (!after.delete(id)) after.add(id);
  return after;
};

/** An item that was replaced, such as a span that ended, is shown as it is now. */
const current = (facts: TimelineFacts, item: TimelineItem | null): TimelineItem | null => {
  if (item === null) return null;
  const laneId = facts.laneOf.get(item.id);
  const items = laneId === undefined ? undefined : facts.byLane.get(laneId);
  return items?.find((each) => each.id === item.id) ?? null;
};

/** What is on screen and what was chosen; the stage keeps where in time it is. */
const useTimeline = (facts: TimelineFacts, canvas: RefObject<HTMLCanvasElement | null>) => {
  const [search, setSearch] = useState("");
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [isLive, setLive] = useState(true);
  const [chosen, choose] = useState<TimelineItem | null>(null);
  const shownFacts = useDeferredValue(facts);
  const shownSearch = useDeferredValue(search);
  const picture = usePicture(shownFacts, shownSearch, folded);
  const { all, found } = useOrdered(shownFacts, shownSearch);
  const notable = useMemo(() => found.filter(isNotable), [found]);
  const selected = useMemo(() => current(shownFacts, chosen), [shownFacts, chosen]);
  const stage = useStage(canvas, picture, {
    onSelect: (item) => select(item, false),
    onFold: (laneId) => setFolded((before) => withToggled(before, laneId)),
    onLive: setLive,
  });
  const select = (item: TimelineItem | null, isBroughtIntoView: boolean): void => {
    choose(item);
    stage?.select(item, isBroughtIntoView);
  };
  const toMark = (step: 1 | -1): void => {
    if (stage === null) return;
    const middleMs = (stage.view.fromMs + stage.view.toMs) / 2;
    const from = { id: selected?.id ?? null, atMs: selected?.atMs ?? middleMs };
    const next = neighbour(notable, from, step);
    if (next !== null) select(next, true);
  };
  const toEnd = (end: "first" | "now"): void => {
    const first = found[0];
    if (end === "now") stage?.follow(true);
    else if (first !== undefined) select(first, true);
  };
  return { search, setSearch, isLive, all, found, selected, stage, select, toMark, toEnd };
};

type Timeline = ReturnType<typeof useTimeline>;

const detailsId = "timeline-details";

const onKey = (event: KeyboardEvent<HTMLCanvasElement>, timeline: Timeline): void => {
  const { stage, selected, select, toMark, toEnd } = timeline;
  if (stage === null) return;
  const isModified = event.ctrlKey || event.metaKey || event.altKey;
  const isOurs = onTimelineKey(
    { key: event.key, isModified },
    {
      stage,
      toMark,
      toEnd,
      openDetails: () => {
        if (selected === null) toMark(1);
        // The details are there after this turn.
        setTimeout(() => document.getElementById(detailsId)?.focus(), 0);
      },
      closeDetails: () => select(null, false),
      search: focusSearch,
    },
  );
  if (isOurs) event.preventDefault();
};

const Side = (props: { readonly facts: TimelineFacts; readonly timeline: Timeline }) => {
  const { found, selected, select } = props.timeline;
  const { lanes } = props.facts;
  const laneNames = useMemo(() => new Map(lanes.map((lane) => [lane.id, lane.name])), [lanes]);
  return (
    <aside className="sk-time__side" aria-label="What happened">
      {selected === null ? null : (
        <Details
          id={detailsId}
          item={selected}
          laneName={laneNames.get(selected.laneId) ?? selected.laneId}
          onClose={() => select(null, false)}
        />
      )}
      <ItemList
        items={found}
        laneNames={laneNames}
        selectedId={selected?.id ?? null}
        onSelect={(item) => select(item, true)}
      />
    </aside>
  );
};

/** Lanes on a canvas, the same as a list beside it, and what was chosen in either. */
export const TimelineView = (props: {
  readonly facts: TimelineFacts;
  readonly exports: ReactNode;
}) => {
  const { facts } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const timeline = useTimeline(facts, canvas);
  const { stage, all, found, isLive } = timeline;
  if (facts.itemCount === 0 && facts.status === "ready") {
    return (
      <div className="sk-time">
        <Missing facts={facts} />
        <EmptyPicture title="Nothing was written down yet">
          Agents on the hosts write what they see; XAPI&apos;s messages and what this console did
          stand here as well.
        </EmptyPicture>
      </div>
    );
  }
  return (
    <div className="sk-time">
      <Missing facts={facts} />
      <Toolbar
        search={timeline.search}
        foundCount={found.length}
        totalCount={all.length}
        isLive={isLive}
        onSearch={timeline.setSearch}
        onZoom={(factor) => stage?.zoom(factor)}
        onFit={() => stage?.fit()}
        onMark={timeline.toMark}
        onLive={() => stage?.follow(!isLive)}
        exports={props.exports}
      />
      <div className="sk-time__body">
        <div className="sk-time__stage">
          <canvas
            ref={canvas}
            tabIndex={0}
            role="application"
            aria-label={`Timeline of ${facts.lanes.length} lanes, ${all.length} entries`}
            aria-describedby="timeline-help"
            onKeyDown={(event) => onKey(event, timeline)}
          />
          <p id="timeline-help" hidden>
            {help}
          </p>
          <Legend />
        </div>
        <Side facts={facts} timeline={timeline} />
      </div>
    </div>
  );
};
