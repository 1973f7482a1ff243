import type { AgentHost } from "../../../main/contract/agents.ts";
import type { Finding, RolloutKind, RolloutRun, SshLook } from "../../../main/contract/install.ts";
import type { MarkName } from "../../ui/mark.tsx";

/** An agent that is not heard now is never shown as observing, whatever it said last. */
export const agentMark = (host: AgentHost): MarkName => {
  if (host.installed.state === "unknown") return "verdict-unknown";
  if (host.installed.state === "absent") return "agent-absent";
  if (host.installed.unit !== "running") return "agent-stopped";
  return host.status === null || host.isStale ? "agent-silent" : "observing";
};

export const versionWords = (host: AgentHost): string => {
  if (host.installed.state === "unknown") return "not known";
  if (host.installed.state === "absent") return "none";
  return host.installed.version ?? "not readable";
};

const findingOrder: readonly Finding["state"][] = ["failed", "review", "skipped", "passed"];

/** Failed first, then what must be acknowledged, then what was not looked at. */
export const orderFindings = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((a, b) => findingOrder.indexOf(a.state) - findingOrder.indexOf(b.state));

const kindWords: Readonly<Record<RolloutKind, string>> = {
  install: "Installing agents",
  upgrade: "Upgrading agents",
  rollback: "Rolling agents back",
  configure: "Writing settings",
  remove: "Removing agents",
};

export const runTitle = (run: RolloutRun): string =>
  run.dryRun ? `${kindWords[run.kind]}: dry run` : kindWords[run.kind];

/** What came of it, in one sentence that stays true for a dry run. */
export const runEnd = (run: RolloutRun): string => {
  switch (run.status) {
    case "running":
      return "It goes on in the console, also when this window is closed.";
    case "undoing":
      return "A phase failed; what was begun is being put back.";
    case "done":
      return run.dryRun ? "Every phase could be done. Nothing was written." : "Every host is done.";
    case "put-back":
      return "A phase failed. The host in hand is as before; hosts done earlier stay done.";
    case "stopped":
      return "A person stopped it between hosts.";
    case "interrupted":
      return "The console ended in the middle. Starting the same again resumes it.";
    case "needs-person":
      return "Something could not be put back. A person must look at the host named below.";
  }
};

export const runMark = (run: RolloutRun): MarkName => {
  switch (run.status) {
    case "running":
      return "phase-running";
    case "undoing":
      return "phase-undoing";
    case "done":
      return "phase-done";
    case "put-back":
      return "phase-undone";
    case "stopped":
    case "interrupted":
      return "phase-skipped";
    case "needs-person":
      return "phase-undo-failed";
  }
};

/** Why the keys cannot be accepted now; null when they can. */
export const keyObstacle = (looks: readonly SshLook[]): string | null => {
  const changed = looks.filter((look) => look.state === "changed");
  if (changed.length > 0) {
    const names = changed.map((look) => look.hostName).join(", ");
    return `The key of ${names} changed. Nothing is sent there until both were compared.`;
  }
  const isNew = looks.some((look) => look.state === "first-use");
  return isNew ? null : "There is no new key to accept.";
};
