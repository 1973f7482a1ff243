import type { AgentHost } from "../../../main/contract/agents.ts";
import {
  beatAge,
  marginWords,
  pathMark,
  usedMargin,
  type Path,
} from "../../console/agent-paths.ts";
import { collator } from "../../console/shown.ts";
import { useAgentsFacts } from "../../console/use-stream.ts";
import { counted } from "../../ui/format.ts";
import { Mark } from "../../ui/mark.tsx";
import { Meter, Panel } from "../../ui/panel.tsx";

const Beat = (props: { readonly path: Path; readonly isStale: boolean }) => {
  const { path, isStale } = props;
  return (
    <div className="sk-beats__path" data-state={path.state}>
      <span>
        <Mark name={pathMark(path, isStale)} onlyIcon /> {path.peerName} on {path.path},{" "}
        {beatAge(path) ?? "never"}
      </span>
      <Meter
        usedRatio={usedMargin(path)}
        text={isStale ? "not current" : marginWords(path)}
        label={`Margin to ${path.peerName} on ${path.path}`}
      />
    </div>
  );
};

const Agreement = ({ host }: { readonly host: AgentHost }) => {
  const differing = host.agreements.filter((claim) => claim.agrees === false);
  if (differing.length === 0) {
    const isSaid = host.agreements.some((claim) => claim.agrees === true);
    return isSaid ? <Mark name="same" word="Same as XAPI" /> : <span>nothing to compare</span>;
  }
  return (
    <ul>
      {differing.map((claim) => (
        <li key={`${claim.what} ${claim.about}`}>
          <Mark name="differs" word={`${claim.what} of ${claim.about}`} /> XAPI says {claim.xapi},
          the agent {claim.agent}
        </li>
      ))}
    </ul>
  );
};

const HostRow = ({ host }: { readonly host: AgentHost }) => (
  <tr data-host={host.hostName}>
    <td>
      {host.hostName} <span className="sk-hosts__address">{host.status?.version}</span>
    </td>
    <td>
      <div className="sk-beats">
        {(host.status?.paths ?? []).map((path) => (
          <Beat key={`${path.peer} ${path.path}`} path={path} isStale={host.isStale} />
        ))}
      </div>
    </td>
    <td>
      <Agreement host={host} />
    </td>
  </tr>
);

/** What agents hear, next to what XAPI says. They watch; no verdict follows from them. */
export const HeartbeatsPanel = () => {
  const facts = useAgentsFacts();
  const hosts = [...facts.hosts.values()]
    .filter((host) => host.status !== null)
    .toSorted((a, b) => collator.compare(a.hostName, b.hostName));
  if (hosts.length === 0) return null;
  return (
    <Panel
      title="Heartbeats between agents"
      side={`${counted(hosts.length, "agent")}, watching only`}
      isFlush
    >
      <table className="sk-table" aria-label="Heartbeats between agents">
        <thead>
          <tr>
            <th scope="col">Host</th>
            <th scope="col">Hears, with the age of the last heartbeat and the margin left</th>
            <th scope="col">XAPI and agent</th>
          </tr>
        </thead>
        <tbody>
          {hosts.map((host) => (
            <HostRow key={host.hostUuid} host={host} />
          ))}
        </tbody>
      </table>
    </Panel>
  );
};
