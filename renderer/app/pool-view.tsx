import { IconPlugConnectedX } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import type { KnownPool } from "../../main/contract/pool.ts";
import { useHello, usePoolFacts, useRestartStreams } from "../console/context.tsx";
import { hashOf, type Route } from "../console/route.ts";
import { isBelievable, shownPoolVerdict } from "../console/shown.ts";
import { AgentsPage } from "../features/agents/agents-page.tsx";
import { BreakDrawer } from "../features/break/break-drawer.tsx";
import { ConnectionTrouble } from "../features/connection/connection-strip.tsx";
import { RedStop } from "../features/connection/red-stop.tsx";
import { HaPage } from "../features/ha/ha-page.tsx";
import { OverviewPage } from "../features/overview/overview-page.tsx";
import { RebootPage } from "../features/reboot/reboot-page.tsx";
import { TimelinePage } from "../features/timeline/timeline-page.tsx";
import { VmsPage } from "../features/vms/vms-page.tsx";
import { marks } from "../ui/mark.tsx";
import { EmptyPicture, FailedPicture, LoadingPicture } from "../ui/picture.tsx";
import { RegionGuard } from "./region-guard.tsx";
import { TopBar } from "./top-bar.tsx";

type PoolRoute = Extract<Route, { name: "pool" }>;

interface Props {
  readonly pool: KnownPool;
  readonly route: PoolRoute;
  readonly go: (route: Route) => void;
}

const Room = ({ route, go }: Pick<Props, "route" | "go">) => {
  const { poolId } = route;
  const to = (room: PoolRoute["room"], hostUuid: string | null): string =>
    hashOf({ name: "pool", poolId, room, hostUuid });
  switch (route.room) {
    case "overview":
      return (
        <OverviewPage
          openHostUuid={route.hostUuid}
          onOpenHost={(hostUuid) => go({ ...route, hostUuid })}
          rebootHref={(hostUuid) => to("reboot", hostUuid)}
        />
      );
    case "vms":
      return <VmsPage />;
    case "ha":
      return <HaPage vmsHref={to("vms", null)} />;
    case "reboot":
      return <RebootPage hostUuid={route.hostUuid} hrefOf={(hostUuid) => to("reboot", hostUuid)} />;
    case "timeline":
      return <TimelinePage />;
    case "agents":
      return <AgentsPage />;
  }
};

const Content = (props: Props) => {
  const status = usePoolFacts((facts) => facts.status);
  const error = usePoolFacts((facts) => facts.error);
  const connection = usePoolFacts((facts) => facts.connection);
  const hasPool = usePoolFacts((facts) => facts.pool !== null);
  const restart = useRestartStreams();
  if (status === "failed" && error !== null) {
    return <FailedPicture error={error} onRetry={restart} />;
  }
  if (status === "loading")
    return <LoadingPicture label={`Reading ${props.pool.name}`} lines={8} />;
  if (connection.status === "changed-certificate") return <RedStop connection={connection} />;
  if (!hasPool && connection.status === "connecting") {
    return <LoadingPicture label={`Connecting to ${connection.address}`} lines={8} />;
  }
  if (!hasPool && connection.status !== "live" && connection.status !== "disconnected") {
    return (
      <EmptyPicture title="Nothing is known of this pool yet" icon={IconPlugConnectedX}>
        It shows its hosts here once a member has answered.
      </EmptyPicture>
    );
  }
  if (!hasPool && connection.status === "disconnected") return null;
  return <Room route={props.route} go={props.go} />;
};

const useTitle = (pool: KnownPool): void => {
  const verdict = usePoolFacts((facts) => shownPoolVerdict(facts.connection, facts.pool));
  const { word } = marks[`pool-${verdict}`];
  useEffect(() => {
    document.title = `${pool.name}: ${word} - Skink`;
  }, [pool.name, word]);
};

/** One pool: what is said about all of it above, the chosen room below. */
export const PoolView = (props: Props) => {
  const { pool, route, go } = props;
  const hello = useHello();
  const [isBreaking, setBreaking] = useState(false);
  const isStale = usePoolFacts(
    (facts) =>
      facts.pool !== null &&
      !isBelievable(facts.connection) &&
      facts.connection.status !== "changed-certificate",
  );
  useTitle(pool);
  const hasBreak = pool.isDemo && hello.status === "ready" && hello.value.capabilities.demo;
  return (
    <div className="sk-main">
      <TopBar
        pool={pool}
        room={route.room}
        hasBreak={hasBreak}
        onBreak={() => setBreaking(!isBreaking)}
        onForgotten={() => go({ name: "welcome" })}
      />
      <ConnectionTrouble />
      <main
        id="content"
        className="sk-content"
        tabIndex={-1}
        data-full={route.room === "vms" || route.room === "timeline"}
        data-stale={isStale}
      >
        <RegionGuard key={route.room} name="This room">
          <Content {...props} />
        </RegionGuard>
      </main>
      <BreakDrawer isOpen={hasBreak && isBreaking} onClose={() => setBreaking(false)} />
    </div>
  );
};
