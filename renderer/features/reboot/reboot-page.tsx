import { useMemo } from "react";
import { usePoolFacts } from "../../console/context.tsx";
import { sortHosts } from "../../console/shown.ts";
import { EmptyPicture } from "../../ui/picture.tsx";
import { ChooseHost } from "./choose-host.tsx";
import { RunView } from "./run-view.tsx";
import { RebootWizard } from "./wizard.tsx";
import "./reboot.css";

/** A run that exists is shown whatever was asked for; there is one at a time in a pool. */
export const RebootPage = (props: {
  readonly hostUuid: string | null;
  readonly hrefOf: (hostUuid: string | null) => string;
}) => {
  const run = usePoolFacts((facts) => facts.run);
  const hostMap = usePoolFacts((facts) => facts.hosts);
  const hosts = useMemo(() => sortHosts(hostMap.values()), [hostMap]);
  if (run !== null) return <RunView run={run} />;
  if (hosts.length === 0) {
    return (
      <EmptyPicture title="No hosts are known yet">
        They show here once a member of the pool has answered.
      </EmptyPicture>
    );
  }
  const host = props.hostUuid === null ? undefined : hostMap.get(props.hostUuid);
  if (host === undefined) return <ChooseHost hosts={hosts} hrefOf={props.hrefOf} />;
  return <RebootWizard key={host.uuid} host={host} backHref={props.hrefOf(null)} />;
};
