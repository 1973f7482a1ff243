import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef, useState, type RefObject } from "react";
import { Stage, type Picture, type StageEvents } from "./stage.ts";

/** The canvas's stage while the component is mounted; the newest handlers are called. */
export const useStage = (
  canvas: RefObject<HTMLCanvasElement | null>,
  picture: Picture | null,
  events: StageEvents,
): Stage | null => {
  const [stage, setStage] = useState<Stage | null>(null);
  const latest = useRef(events);
  useEffect(() => {
    latest.current = events;
  });
  useEffect(() => {
    if (canvas.current === null) return undefined;
    const made = new Stage(canvas.current, {
      onSelect: (item) => latest.current.onSelect(item),
      onFold: (laneId) => latest.current.onFold(laneId),
      onLive: (isLive) => latest.current.onLive(isLive),
    });
    setStage(made);
    return () => {
      made.stop();
      setStage(null);
    };
  }, [canvas]);
  useEffect(() => {
    if (picture !== null) stage?.show(picture);
  }, [stage, picture]);
  const scheme = useComputedColorScheme();
  useEffect(() => {
    // The tokens belong to the new scheme only once the attribute is on the document.
    const timer = setTimeout(() => stage?.refresh(), 0);
    return () => clearTimeout(timer);
  }, [stage, scheme]);
  return stage;
};
