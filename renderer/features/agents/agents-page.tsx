import { useMemo } from "react";
import type { AgentHost } from "../../../main/contract/agents.ts";
import { collator } from "../../console/shown.ts";
import { useAgentsFacts } from "../../console/use-stream.ts";
import { Panel } from "../../ui/panel.tsx";
import { FailedPicture, LoadingPicture } from "../../ui/picture.tsx";
import { AgentsHosts } from "./hosts-panel.tsx";
import { KeysStep } from "./keys-step.tsx";
import { LoginStep } from "./login-step.tsx";
import { ManagePanel } from "./manage-panel.tsx";
import { PreflightStep } from "./preflight-step.tsx";
import { RunPanel } from "./run-panel.tsx";
import { SettingsPanel } from "./settings-panel.tsx";
import "./agents.css";

const isInstalled = (host: AgentHost): boolean => host.installed.state === "installed";

/** Agents of the pool: what they see, how they come onto the hosts, and their settings. */
export const AgentsPage = () => {
  const facts = useAgentsFacts();
  const hosts = useMemo(
    () => [...facts.hosts.values()].toSorted((a, b) => collator.compare(a.hostName, b.hostName)),
    [facts.hosts],
  );
  if (facts.status === "failed" && facts.error !== null) {
    return <FailedPicture error={facts.error} onRetry={facts.restart} />;
  }
  if (facts.head === null) return <LoadingPicture label="Asking the hosts" lines={8} />;
  const { bundle, login, preflight, run } = facts.head;
  const isRunning = run !== null && run.endedAtMs === null;
  const isComplete = hosts.length > 0 && hosts.every(isInstalled);
  return (
    <div className="sk-agents">
      {run === null ? null : <RunPanel run={run} />}
      <AgentsHosts hosts={hosts} />
      <div className="sk-agents__pair">
        <Panel title="1. Login to the hosts">
          <LoginStep given={login.kind} />
        </Panel>
        <Panel title="2. SSH keys of the hosts">
          <KeysStep />
        </Panel>
      </div>
      {isComplete ? null : (
        <Panel title="3. Look at the hosts, then install">
          <PreflightStep bundle={bundle} report={preflight} isRunning={isRunning} />
        </Panel>
      )}
      {hosts.some(isInstalled) ? (
        <div className="sk-agents__pair">
          <SettingsPanel />
          <ManagePanel hosts={hosts} bundle={bundle} isRunning={isRunning} />
        </div>
      ) : null}
    </div>
  );
};
