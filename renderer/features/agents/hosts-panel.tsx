import { Fragment } from "react";
import type { AgentHost } from "../../../main/contract/agents.ts";
import { beatAge, marginWords, pathMark, usedMargin } from "../../console/agent-paths.ts";
import { Ago } from "../../ui/age.tsx";
import { Mark } from "../../ui/mark.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Meter, Panel } from "../../ui/panel.tsx";
import { agentMark, versionWords } from "./agent-words.ts";

const Clock = ({ host }: { readonly host: AgentHost }) => {
  if (host.clockOffsetMs === null) return <span className="sk-faint">not compared</span>;
  const give =
    host.clockUncertaintyMs === null ? "" : ` ± ${Math.ceil(host.clockUncertaintyMs)} ms`;
  const sign = host.clockOffsetMs < 0 ? "−" : "+";
  const text = `${sign}${Math.abs(Math.round(host.clockOffsetMs))} ms${give}`;
  return Math.abs(host.clockOffsetMs) > 1000 ? <Mark name="differs" word={text} /> : <>{text}</>;
};

const driftMarks = {
  same: "same",
  differs: "differs",
  refused: "check-failed",
  unknown: "verdict-unknown",
} as const;

const HostRow = ({ host }: { readonly host: AgentHost }) => (
  <tr data-host={host.hostName}>
    <td>
      <strong>{host.hostName}</strong> <span className="sk-faint">{host.role}</span>
    </td>
    <td>
      <Mark name={agentMark(host)} />
    </td>
    <td>{versionWords(host)}</td>
    <td className="sk-agents__says">
      {host.link.sentence}
      {host.statusAtMs === null ? null : (
        <span className="sk-faint">
          {" "}
          Last word <Ago atMs={host.statusAtMs} />.
        </span>
      )}
    </td>
    <td>
      <span title={host.drift.sentence}>
        <Mark name={driftMarks[host.drift.state]} />
      </span>
    </td>
    <td className="sk-num">
      <Clock host={host} />
    </td>
  </tr>
);

const Paths = ({ hosts }: { readonly hosts: readonly AgentHost[] }) => (
  <Panel title="Heartbeats" side="as each agent hears the others" isFlush>
    <table className="sk-table" aria-label="Heartbeats per path">
      <thead>
        <tr>
          <th scope="col">Host hears</th>
          <th scope="col">On path</th>
          <th scope="col">State</th>
          <th scope="col" className="sk-num">
            Last heartbeat
          </th>
          <th scope="col">Margin until suspected</th>
          <th scope="col" className="sk-num">
            Smallest in the last hour
          </th>
        </tr>
      </thead>
      <tbody>
        {hosts.map((host) => (
          <Fragment key={host.hostUuid}>
            {(host.status?.paths ?? []).map((path) => (
              <tr key={`${path.peer} ${path.path}`} data-state={path.state}>
                <td>
                  {host.hostName} hears {path.peerName}
                </td>
                <td>{path.path}</td>
                <td>
                  <Mark name={pathMark(path, host.isStale)} />
                </td>
                <td className="sk-num">{beatAge(path) ?? "never"}</td>
                <td>
                  <Meter
                    usedRatio={usedMargin(path)}
                    text={marginWords(path)}
                    label={`Margin of ${host.hostName} to ${path.peerName} on ${path.path}`}
                  />
                </td>
                <td className="sk-num">
                  {path.worstMarginMs === null
                    ? "not known"
                    : `${(path.worstMarginMs / 1000).toFixed(1)} s`}
                </td>
              </tr>
            ))}
          </Fragment>
        ))}
      </tbody>
    </table>
  </Panel>
);

/** Where XAPI and an agent say different things, both stand here; neither is preferred. */
const Disagreements = ({ hosts }: { readonly hosts: readonly AgentHost[] }) => {
  const rows = hosts.flatMap((host) =>
    host.agreements
      .filter((claim) => claim.agrees === false)
      .map((claim) => ({ host, claim, key: `${host.hostUuid} ${claim.what} ${claim.about}` })),
  );
  if (rows.length === 0) return null;
  return (
    <Panel title="XAPI and agents disagree" isFlush>
      <table className="sk-table" aria-label="Disagreements">
        <thead>
          <tr>
            <th scope="col">About</th>
            <th scope="col">XAPI says</th>
            <th scope="col">The agent says</th>
            <th scope="col">What that means</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ host, claim, key }) => (
            <tr key={key}>
              <td>
                {claim.about}: {claim.what}
              </td>
              <td>{claim.xapi}</td>
              <td>
                {claim.agent} <span className="sk-faint">({host.hostName})</span>
              </td>
              <td>{claim.sentence}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
};

const Drifts = ({ hosts }: { readonly hosts: readonly AgentHost[] }) => {
  const drifted = hosts.filter(
    (host) => host.drift.state === "differs" || host.drift.state === "refused",
  );
  if (drifted.length === 0) return null;
  return (
    <Notice tone="warn">
      {drifted.map((host) => (
        <p key={host.hostUuid}>
          <strong>{host.hostName}</strong>: {host.drift.sentence}
        </p>
      ))}
    </Notice>
  );
};

/** What is known of every agent. Agents of this version watch; the first line says so. */
export const AgentsHosts = ({ hosts }: { readonly hosts: readonly AgentHost[] }) => {
  const isHeard = hosts.some((host) => host.status !== null);
  return (
    <>
      <Panel title="Agents" side="They watch only; they do not protect" isFlush>
        <table className="sk-table" aria-label="Agents">
          <thead>
            <tr>
              <th scope="col">Host</th>
              <th scope="col">Agent</th>
              <th scope="col">Version</th>
              <th scope="col">Connection</th>
              <th scope="col">Settings</th>
              <th scope="col" className="sk-num">
                Clock
              </th>
            </tr>
          </thead>
          <tbody>
            {hosts.map((host) => (
              <HostRow key={host.hostUuid} host={host} />
            ))}
          </tbody>
        </table>
      </Panel>
      <Drifts hosts={hosts} />
      <Disagreements hosts={hosts} />
      {isHeard ? <Paths hosts={hosts} /> : null}
    </>
  );
};
