import { IconChevronDown } from "@tabler/icons-react";
import { Fragment, memo } from "react";
import type { Connection, HostSummary } from "../../../main/contract/pool.ts";
import { isBelievable, shownRebootVerdict } from "../../console/shown.ts";
import { useNowMs } from "../../ui/clock.ts";
import { CheckList } from "../../ui/check-list.tsx";
import { shortReason } from "../../ui/check-groups.ts";
import { Explain } from "../../ui/explain.tsx";
import { formatAge, formatBytes, formatTime } from "../../ui/format.ts";
import { Mark, marks, type MarkName } from "../../ui/mark.tsx";
import { Meter, Panel } from "../../ui/panel.tsx";

const stateMark = (host: HostSummary): MarkName => {
  if (host.maintenance === "in-maintenance") return "host-maintenance";
  return host.enabled ? "host-enabled" : "host-disabled";
};

const liveMark = (host: HostSummary, connection: Connection): MarkName => {
  if (!isBelievable(connection)) return "host-unknown";
  return host.live ? "host-live" : "host-not-live";
};

const Uptime = ({ bootedAtMs }: { readonly bootedAtMs: number | null }) => {
  const nowMs = useNowMs();
  if (bootedAtMs === null) return <span className="sk-faint">not known</span>;
  return <time title={`Booted ${formatTime(bootedAtMs)}`}>{formatAge(nowMs - bootedAtMs)}</time>;
};

interface RowProps {
  readonly host: HostSummary;
  readonly connection: Connection;
  readonly isOpen: boolean;
  readonly hasToggle: boolean;
  readonly onToggle: (hostUuid: string) => void;
}

const VerdictCell = (props: RowProps) => {
  const { host, connection, isOpen } = props;
  const name = `verdict-${shownRebootVerdict(connection, host)}` as const;
  const mark = <Mark name={name} look="chip" />;
  if (!props.hasToggle) return mark;
  return (
    <button
      type="button"
      className="sk-toggle"
      aria-expanded={isOpen}
      aria-label={`Reasons for ${host.name}: ${marks[name].word}`}
      title={shortReason(host.verdict.checks)}
      onClick={() => props.onToggle(host.uuid)}
    >
      {mark}
      <IconChevronDown size={14} aria-hidden />
    </button>
  );
};

const HostRow = memo((props: RowProps) => {
  const { host, connection, isOpen } = props;
  const usedBytes = host.memoryTotalBytes - host.memoryFreeBytes;
  return (
    <tr data-open={isOpen && props.hasToggle} data-host={host.name}>
      <td>
        <span className="sk-hosts__name">
          {host.name}
          <span className="sk-role" data-role={host.role}>
            {host.role}
          </span>
        </span>{" "}
        <span className="sk-hosts__address">{host.address}</span>
      </td>
      <td>
        <Mark name={liveMark(host, connection)} />
      </td>
      <td>
        <Mark name={stateMark(host)} />
      </td>
      <td>
        <Meter
          usedRatio={host.memoryTotalBytes === 0 ? 0 : usedBytes / host.memoryTotalBytes}
          text={`${formatBytes(usedBytes)} of ${formatBytes(host.memoryTotalBytes)}`}
          label={`Memory of ${host.name}`}
        />
      </td>
      <td className="sk-num">{host.vmCountRunning}</td>
      <td>
        {host.productVersion} <span className="sk-hosts__address">XAPI {host.xapiVersion}</span>
      </td>
      <td className="sk-num">
        <Uptime bootedAtMs={host.bootedAtMs} />
      </td>
      <td>
        <VerdictCell {...props} />
      </td>
    </tr>
  );
});
HostRow.displayName = "HostRow";

const ReasonsRow = (props: {
  readonly host: HostSummary;
  readonly action: string;
  readonly isCurrent: boolean;
}) => (
  <tr className="sk-hosts__open">
    <td colSpan={8}>
      <div className="sk-hosts__reasons">
        <CheckList checks={props.host.verdict.checks} isCurrent={props.isCurrent} />
        <p style={{ marginTop: 8 }}>
          <a className="sk-link" href={props.action}>
            Plan a reboot of {props.host.name}
          </a>
        </p>
      </div>
    </td>
  </tr>
);

/** One row per host; a row opens to its reasons where they are not shown below anyway. */
export const HostsPanel = (props: {
  readonly hosts: readonly HostSummary[];
  readonly connection: Connection;
  readonly openUuid: string | null;
  readonly hasReasons: boolean;
  readonly onToggle: (hostUuid: string) => void;
  readonly rebootHref: (hostUuid: string) => string;
}) => {
  const { hosts, connection, openUuid, hasReasons, onToggle } = props;
  const runningCount = hosts.reduce((sum, host) => sum + host.vmCountRunning, 0);
  return (
    <Panel title="Hosts" side={`${hosts.length} hosts, ${runningCount} VMs running`} isFlush>
      <table className="sk-table sk-hosts" aria-label="Hosts" data-dense={hasReasons}>
        <thead>
          <tr>
            <th scope="col">Host</th>
            <th scope="col">
              <Explain term="live">Live</Explain>
            </th>
            <th scope="col">
              <Explain term="enabled">State</Explain>
            </th>
            <th scope="col">Memory</th>
            <th scope="col" className="sk-num">
              VMs
            </th>
            <th scope="col">Version</th>
            <th scope="col" className="sk-num">
              Up for
            </th>
            <th scope="col">
              <Explain term="may I reboot">May I reboot?</Explain>
            </th>
          </tr>
        </thead>
        <tbody>
          {hosts.map((host) => (
            <Fragment key={host.uuid}>
              <HostRow
                host={host}
                connection={connection}
                isOpen={openUuid === host.uuid}
                hasToggle={hasReasons}
                onToggle={onToggle}
              />
              {hasReasons && openUuid === host.uuid ? (
                <ReasonsRow
                  host={host}
                  action={props.rebootHref(host.uuid)}
                  isCurrent={isBelievable(connection)}
                />
              ) : null}
            </Fragment>
          ))}
        </tbody>
      </table>
    </Panel>
  );
};
