import { useMemo } from "react";
import type { HostSummary } from "../../../main/contract/pool.ts";
import { usePoolFacts } from "../../console/context.tsx";
import { isBelievable, shownRebootVerdict, sortHosts } from "../../console/shown.ts";
import { CheckList } from "../../ui/check-list.tsx";
import { Mark } from "../../ui/mark.tsx";
import { Panel } from "../../ui/panel.tsx";
import { EmptyPicture } from "../../ui/picture.tsx";
import { EnginePanel } from "./engine-panel.tsx";
import { HeartbeatsPanel } from "./heartbeats-panel.tsx";
import { HostsPanel } from "./hosts-panel.tsx";
import { SrsPanel } from "./srs-panel.tsx";
import "./overview.css";

/** Up to this many hosts there is room to answer the question for each without a click. */
const answeredHostCountMax = 4;

const Answer = (props: { readonly host: HostSummary; readonly href: string }) => {
  const { host } = props;
  const connection = usePoolFacts((facts) => facts.connection);
  return (
    <Panel
      title={<>May I reboot {host.name}?</>}
      side={<Mark name={`verdict-${shownRebootVerdict(connection, host)}`} look="chip" />}
    >
      {host.verdict.checks.length === 0 ? (
        <p className="sk-dim">Nothing could be checked yet.</p>
      ) : (
        <CheckList checks={host.verdict.checks} isCurrent={isBelievable(connection)} />
      )}
      <p style={{ marginTop: 10 }}>
        <a className="sk-link" href={props.href}>
          Plan a reboot of {host.name}
        </a>
      </p>
    </Panel>
  );
};

/** The pool at a glance: who is there, what protects it, and whether a host may be touched. */
export const OverviewPage = (props: {
  readonly openHostUuid: string | null;
  readonly onOpenHost: (hostUuid: string | null) => void;
  readonly rebootHref: (hostUuid: string) => string;
}) => {
  const { openHostUuid, onOpenHost, rebootHref } = props;
  const pool = usePoolFacts((facts) => facts.pool);
  const connection = usePoolFacts((facts) => facts.connection);
  const hostMap = usePoolFacts((facts) => facts.hosts);
  const srMap = usePoolFacts((facts) => facts.srs);
  const hosts = useMemo(() => sortHosts(hostMap.values()), [hostMap]);
  const srs = useMemo(() => [...srMap.values()], [srMap]);
  if (pool === null) {
    return (
      <EmptyPicture title="Nothing is known of this pool yet">
        It shows its hosts here once a member has answered.
      </EmptyPicture>
    );
  }
  const isFew = hosts.length <= answeredHostCountMax;
  return (
    <div className="sk-overview">
      <HostsPanel
        hosts={hosts}
        connection={connection}
        openUuid={openHostUuid}
        hasReasons={!isFew}
        onToggle={(uuid) => onOpenHost(uuid === openHostUuid ? null : uuid)}
        rebootHref={rebootHref}
      />
      <HeartbeatsPanel />
      {isFew ? (
        <div className="sk-answers">
          {hosts.map((host) => (
            <Answer key={host.uuid} host={host} href={rebootHref(host.uuid)} />
          ))}
        </div>
      ) : null}
      <div className="sk-overview__top">
        <EnginePanel pool={pool} />
        <SrsPanel srs={srs} />
      </div>
    </div>
  );
};
