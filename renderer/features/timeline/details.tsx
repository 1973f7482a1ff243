import { CloseButton } from "@mantine/core";
import type { ReactNode } from "react";
import type { TimelineItem } from "../../../main/contract/timeline.ts";
import { useNowMs } from "../../ui/clock.ts";
import { Mark } from "../../ui/mark.tsx";
import { lastingWords, sourceWords, toneMarks } from "./item-words.ts";
import { exactTime } from "./view.ts";

const Fact = (props: { readonly name: string; readonly children: ReactNode }) => (
  <>
    <dt>{props.name}</dt>
    <dd>{props.children}</dd>
  </>
);

const sameClockMs = 1;

/** As the source wrote it, when that is another time than the one shown. */
const OwnClock = ({ item }: { readonly item: TimelineItem }) =>
  Math.abs(item.wallMs - item.atMs) < sameClockMs ? null : (
    <Fact name="On its own clock">
      <time>{exactTime(item.wallMs)}</time>
    </Fact>
  );

const Lasted = ({ item }: { readonly item: TimelineItem }) => {
  const nowMs = useNowMs();
  const words = lastingWords(item, nowMs);
  return words === null ? null : <Fact name="Duration">{words}</Fact>;
};

/** What happened in the words of whoever wrote it down, its inputs, and the rule. */
export const Details = (props: {
  readonly id: string;
  readonly item: TimelineItem;
  readonly laneName: string;
  readonly onClose: () => void;
}) => {
  const { item, laneName, onClose } = props;
  return (
    <section id={props.id} className="sk-time__details" aria-label="Details" tabIndex={-1}>
      <header>
        <Mark name={toneMarks[item.tone]} onlyIcon />
        <h2>{item.title}</h2>
        <CloseButton size="sm" aria-label="Close details" onClick={onClose} />
      </header>
      <p className="sk-time__sentence">{item.text}</p>
      <dl className="sk-time__facts">
        <Fact name="When">
          <time>{exactTime(item.atMs)}</time>
        </Fact>
        <Lasted item={item} />
        <OwnClock item={item} />
        <Fact name="Lane">{laneName}</Fact>
        <Fact name="Written by">
          {sourceWords[item.source]}
          {item.seq === null ? null : `, line ${item.seq}`}
        </Fact>
        <Fact name="Kind">
          <span className="sk-mono">{item.type}</span>
        </Fact>
        {item.rule === null ? null : (
          <Fact name="Rule">
            <span className="sk-mono">{item.rule}</span>
          </Fact>
        )}
      </dl>
      {item.inputs.length === 0 ? null : (
        <>
          <h3>Inputs</h3>
          <dl className="sk-time__facts" aria-label="Inputs">
            {item.inputs.map((input) => (
              <Fact key={input.name} name={input.name}>
                {input.value}
              </Fact>
            ))}
          </dl>
        </>
      )}
    </section>
  );
};
