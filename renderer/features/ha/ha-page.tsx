import { useMemo } from "react";
import { usePoolFacts } from "../../console/context.tsx";
import { sortHosts } from "../../console/shown.ts";
import { EmptyPicture } from "../../ui/picture.tsx";
import { HeartbeatPanel } from "./heartbeat-panel.tsx";
import { StatePanel } from "./state-panel.tsx";
import { TurnOffPanel } from "./turn-off-panel.tsx";
import { TurnOnPanel } from "./turn-on-panel.tsx";
import "./ha.css";

/** What HA there is, what it sees, and its switch. */
export const HaPage = (props: { readonly vmsHref: string }) => {
  const pool = usePoolFacts((facts) => facts.pool);
  const hostMap = usePoolFacts((facts) => facts.hosts);
  const hosts = useMemo(() => sortHosts(hostMap.values()), [hostMap]);
  if (pool === null) {
    return (
      <EmptyPicture title="Nothing is known of this pool yet">
        Its HA shows here once a member has answered.
      </EmptyPicture>
    );
  }
  const isOn = pool.engine.nativeHa.enabled;
  return (
    <div className="sk-ha">
      <div className="sk-ha__column">
        <StatePanel pool={pool} />
        {isOn ? <TurnOffPanel /> : null}
      </div>
      <div className="sk-ha__column">
        {isOn ? (
          <HeartbeatPanel hosts={hosts} pool={pool} />
        ) : (
          <TurnOnPanel pool={pool} vmsHref={props.vmsHref} />
        )}
      </div>
    </div>
  );
};
