import type { Run } from "../../main/contract/run.ts";

/** One line about a run for screens that are about something else. */
export const currentPhaseTitle = (run: Run): string => {
  const phase = run.phases.find((each) => each.state === "running" || each.state === "undoing");
  switch (run.status) {
    case "running":
      return `Reboot of ${run.hostName}: ${phase?.title ?? "starting"}`;
    case "undoing":
      return `Reboot of ${run.hostName}: putting back, ${phase?.title ?? "next step"}`;
    case "done":
      return `Reboot of ${run.hostName} is done`;
    case "put-back":
      return `Reboot of ${run.hostName} stopped, everything was put back`;
    case "needs-person":
      return `Reboot of ${run.hostName} needs a person`;
  }
};
