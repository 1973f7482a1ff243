import type { HostSummary } from "../../../main/contract/pool.ts";
import { usePoolFacts } from "../../console/context.tsx";
import { shownRebootVerdict } from "../../console/shown.ts";
import { shortReason } from "../../ui/check-groups.ts";
import { Explain } from "../../ui/explain.tsx";
import { Mark } from "../../ui/mark.tsx";
import { Panel } from "../../ui/panel.tsx";

/** Every host with its answer, so that choosing is reading. */
export const ChooseHost = (props: {
  readonly hosts: readonly HostSummary[];
  readonly hrefOf: (hostUuid: string) => string;
}) => {
  const connection = usePoolFacts((facts) => facts.connection);
  return (
    <Panel title="Which host is to be rebooted?" isFlush>
      <table className="sk-table sk-choose" aria-label="Hosts to reboot">
        <thead>
          <tr>
            <th scope="col">Host</th>
            <th scope="col" className="sk-num">
              VMs
            </th>
            <th scope="col">
              <Explain term="may I reboot">May I reboot?</Explain>
            </th>
            <th scope="col">Strongest reason</th>
          </tr>
        </thead>
        <tbody>
          {props.hosts.map((host) => (
            <tr key={host.uuid}>
              <td className="sk-nowrap">
                <a className="sk-link" href={props.hrefOf(host.uuid)}>
                  {host.name}
                </a>{" "}
                <span className="sk-faint">{host.role}</span>
              </td>
              <td className="sk-num">{host.vmCountRunning}</td>
              <td>
                <Mark name={`verdict-${shownRebootVerdict(connection, host)}`} look="chip" />
              </td>
              <td className="sk-choose__why">{shortReason(host.verdict.checks)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
};
