import { Button } from "@mantine/core";
import type { InputOf, OutputOf } from "../../../main/contract/console-api.ts";
import { useCommand, usePoolId } from "../../console/context.tsx";
import { useTimelineFacts } from "../../console/use-stream.ts";
import { FailureNotice } from "../../ui/notice.tsx";
import { FailedPicture, LoadingPicture } from "../../ui/picture.tsx";
import { TimelineView } from "./timeline-view.tsx";

type Format = InputOf<"timeline.export">["format"];

/** The browser saves it where the person keeps downloads. */
const save = (file: OutputOf<"timeline.export">): void => {
  const url = URL.createObjectURL(new Blob([file.text], { type: file.mediaType }));
  const link = document.createElement("a");
  link.href = url;
  link.download = file.fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
};

/** Journals, XAPI and the console on one axis of time. */
export const TimelinePage = () => {
  const poolId = usePoolId();
  const facts = useTimelineFacts();
  const exporting = useCommand("timeline.export");
  const exportAs = async (format: Format): Promise<void> => {
    const result = await exporting.run({ poolId, format });
    if (result.ok) save(result.value);
  };
  if (facts.status === "failed" && facts.error !== null) {
    return <FailedPicture error={facts.error} onRetry={facts.restart} />;
  }
  if (facts.status === "loading" && facts.itemCount === 0) {
    return <LoadingPicture label="Reading journals" lines={8} />;
  }
  const exports = (
    <>
      <Button
        size="compact-sm"
        variant="default"
        loading={exporting.isBusy}
        onClick={() => void exportAs("html")}
      >
        Export report
      </Button>
      <Button
        size="compact-sm"
        variant="default"
        loading={exporting.isBusy}
        onClick={() => void exportAs("jsonl")}
      >
        Export JSON lines
      </Button>
    </>
  );
  return (
    <>
      {exporting.error === null ? null : <FailureNotice error={exporting.error} />}
      <TimelineView facts={facts} exports={exports} />
    </>
  );
};
