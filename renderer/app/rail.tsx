import { ActionIcon, Button, Tooltip, useMantineColorScheme } from "@mantine/core";
import { IconDeviceDesktop, IconMoon, IconPlus, IconSun } from "@tabler/icons-react";
import { useMemo } from "react";
import type { Connection, HostSummary, KnownPool } from "../../main/contract/pool.ts";
import { usePoolFacts, usePools, useRestartStreams } from "../console/context.tsx";
import { hashOf, type Route } from "../console/route.ts";
import { isBelievable, sortHosts } from "../console/shown.ts";
import { Mark, marks, type MarkName } from "../ui/mark.tsx";
import { FailedPicture, LoadingPicture } from "../ui/picture.tsx";
import { Brand } from "./brand.tsx";

/** One mark per host: what matters most of it. */
const hostMark = (host: HostSummary, connection: Connection): MarkName => {
  if (!isBelievable(connection)) return "host-unknown";
  if (!host.live) return "host-not-live";
  if (host.maintenance === "in-maintenance") return "host-maintenance";
  return host.enabled ? "host-live" : "host-disabled";
};

const HostList = (props: { readonly poolId: string; readonly openUuid: string | null }) => {
  const hostMap = usePoolFacts((facts) => facts.hosts);
  const connection = usePoolFacts((facts) => facts.connection);
  const hosts = useMemo(() => sortHosts(hostMap.values()), [hostMap]);
  return (
    <ul className="sk-rail__hosts" aria-label="Hosts of this pool">
      {hosts.map((host) => (
        <li key={host.uuid}>
          <a
            className="sk-rail__item"
            href={hashOf({
              name: "pool",
              poolId: props.poolId,
              room: "overview",
              hostUuid: host.uuid,
            })}
            aria-current={props.openUuid === host.uuid ? "true" : undefined}
          >
            <Mark name={hostMark(host, connection)} onlyIcon sizePx={14} />
            <span className="sk-cut" title={host.name}>
              {host.name}
            </span>
            {host.role === "coordinator" ? <span className="sk-rail__count">coord.</span> : null}
          </a>
        </li>
      ))}
    </ul>
  );
};

const PoolItem = (props: { readonly pool: KnownPool; readonly route: Route }) => {
  const { pool, route } = props;
  const isCurrent = route.name === "pool" && route.poolId === pool.poolId;
  const mark: MarkName = `pool-${isBelievable(pool.connection) ? pool.mark : "unknown"}`;
  return (
    <li>
      <a
        className="sk-rail__item sk-rail__pool"
        href={hashOf({ name: "pool", poolId: pool.poolId, room: "overview", hostUuid: null })}
        aria-current={isCurrent ? "page" : undefined}
        title={`${pool.name}: ${marks[mark].word}`}
      >
        <Mark name={mark} onlyIcon sizePx={16} />
        <span className="sk-cut">{pool.name}</span>
        <span className="sk-rail__count">{pool.hostCount === 0 ? "" : pool.hostCount}</span>
      </a>
      {isCurrent ? (
        <HostList
          poolId={pool.poolId}
          openUuid={route.room === "overview" || route.room === "reboot" ? route.hostUuid : null}
        />
      ) : null}
    </li>
  );
};

const schemes = {
  auto: { next: "light", icon: IconDeviceDesktop, label: "Colours follow the system" },
  light: { next: "dark", icon: IconSun, label: "Light colours" },
  dark: { next: "auto", icon: IconMoon, label: "Dark colours" },
} as const;

const SchemeSwitch = () => {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { next, icon: Shape, label } = schemes[colorScheme];
  return (
    <Tooltip label={`${label}. Click to change.`}>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={`${label}. Change.`}
        onClick={() => setColorScheme(next)}
      >
        <Shape size={16} />
      </ActionIcon>
    </Tooltip>
  );
};

/** Pools, and the hosts of the one on screen, with one state mark each. */
export const Rail = (props: { readonly route: Route; readonly onConnect: () => void }) => {
  const pools = usePools();
  const restart = useRestartStreams();
  const list = () => {
    switch (pools.status) {
      case "loading":
        return <LoadingPicture label="Pools" lines={3} />;
      case "failed":
        return <FailedPicture error={pools.error} onRetry={restart} />;
      case "ready":
        return pools.value.length === 0 ? (
          <p className="sk-rail__label">No pool yet</p>
        ) : (
          <ul>
            {pools.value.map((pool) => (
              <PoolItem key={pool.poolId} pool={pool} route={props.route} />
            ))}
          </ul>
        );
    }
  };
  return (
    <nav className="sk-rail" aria-label="Pools and hosts">
      <a className="sk-rail__item sk-rail__brand" href="#/" aria-label="Skink, start screen">
        <Brand />
      </a>
      <div className="sk-rail__list">
        <p className="sk-rail__label">Pools</p>
        {list()}
      </div>
      <div className="sk-rail__foot">
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          leftSection={<IconPlus size={14} />}
          onClick={props.onConnect}
        >
          Connect
        </Button>
        <span className="sk-grow" />
        <SchemeSwitch />
      </div>
    </nav>
  );
};
