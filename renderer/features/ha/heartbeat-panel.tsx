import type { HostSummary, PoolSummary } from "../../../main/contract/pool.ts";
import { Explain } from "../../ui/explain.tsx";
import { Mark } from "../../ui/mark.tsx";
import { Panel } from "../../ui/panel.tsx";

const Seen = (props: { readonly count: number; readonly all: number; readonly what: string }) => {
  const { count, all, what } = props;
  return (
    <Mark
      name={count >= all ? "check-passed" : count === 0 ? "check-failed" : "check-review"}
      word={`${count} of ${all} ${what}`}
    />
  );
};

/** Who sees whom, as each host reports it: a row that is short of hosts is cut off, or cuts off. */
export const HeartbeatPanel = (props: {
  readonly hosts: readonly HostSummary[];
  readonly pool: PoolSummary;
}) => {
  const { hosts, pool } = props;
  const srCount = pool.engine.nativeHa.heartbeatSrs.length;
  return (
    <Panel title={<Explain term="heartbeat view">Heartbeat, as each host sees it</Explain>} isFlush>
      <table className="sk-table" aria-label="Heartbeat">
        <thead>
          <tr>
            <th scope="col">Host</th>
            <th scope="col">Network</th>
            <th scope="col">
              <Explain term="statefile">Storage</Explain>
            </th>
          </tr>
        </thead>
        <tbody>
          {hosts.map((host) => (
            <tr key={host.uuid}>
              <td>{host.name}</td>
              <td>
                <Seen count={host.haPeersSeen} all={hosts.length} what="hosts" />
              </td>
              <td>
                <Seen
                  count={host.haStatefilesSeen}
                  all={srCount}
                  what={srCount === 1 ? "heartbeat SR" : "heartbeat SRs"}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
};
