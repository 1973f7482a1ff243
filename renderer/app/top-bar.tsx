import { ActionIcon, Button, Menu, Popover } from "@mantine/core";
import { IconBolt, IconDots } from "@tabler/icons-react";
import { useState } from "react";
import type { KnownPool } from "../../main/contract/pool.ts";
import { useCommand, usePoolFacts, usePoolId } from "../console/context.tsx";
import { hashOf, type PoolRoom } from "../console/route.ts";
import { shownPoolVerdict } from "../console/shown.ts";
import { ConnectionStrip } from "../features/connection/connection-strip.tsx";
import { Explain } from "../ui/explain.tsx";
import { Mark } from "../ui/mark.tsx";
import { Reasons } from "../ui/panel.tsx";
import { currentPhaseTitle } from "./run-line.ts";

const staleReason = "The facts are not current, so nothing is concluded from them.";

const PoolVerdict = () => {
  const pool = usePoolFacts((facts) => facts.pool);
  const connection = usePoolFacts((facts) => facts.connection);
  const verdict = shownPoolVerdict(connection, pool);
  const reasons = connection.status === "live" ? (pool?.verdictReasons ?? []) : [staleReason];
  return (
    <div className="sk-top__why">
      <Mark name={`pool-${verdict}`} look="chip" />
      <span className="sk-cut" title={reasons.join("\n")}>
        {reasons[0] ?? ""}
      </span>
      {reasons.length < 2 ? null : (
        <Popover position="bottom-start" withinPortal shadow="md" trapFocus={false}>
          <Popover.Target>
            <button type="button" className="sk-link">
              {reasons.length} reasons
            </button>
          </Popover.Target>
          <Popover.Dropdown>
            <div className="sk-why">
              <strong>
                <Explain term="verdict">Why</Explain>
              </strong>
              <Reasons reasons={reasons} />
            </div>
          </Popover.Dropdown>
        </Popover>
      )}
    </div>
  );
};

const PoolMenu = (props: { readonly pool: KnownPool; readonly onForgotten: () => void }) => {
  const poolId = usePoolId();
  const [isOpen, setOpen] = useState(false);
  const disconnect = useCommand("pools.disconnect");
  const forget = useCommand("pools.forget");
  const stopDemo = useCommand("demo.stop");
  const error = disconnect.error ?? forget.error ?? stopDemo.error;
  const forgetPool = async (): Promise<void> => {
    const result = await forget.run({ poolId });
    if (result.ok) props.onForgotten();
  };
  return (
    <Menu opened={isOpen || error !== null} onChange={setOpen} position="bottom-end" width={250}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`More for ${props.pool.name}`}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {error === null ? null : (
          <Menu.Item
            color="red"
            closeMenuOnClick={false}
            onClick={() => {
              disconnect.clear();
              forget.clear();
              stopDemo.clear();
            }}
          >
            {error.sentence} {error.nextStep}
          </Menu.Item>
        )}
        {props.pool.connection.status === "disconnected" ? null : (
          <Menu.Item onClick={() => void disconnect.run({ poolId })}>Disconnect</Menu.Item>
        )}
        {props.pool.isDemo ? (
          <Menu.Item onClick={() => void stopDemo.run({}).then(() => props.onForgotten())}>
            Stop the demo pool
          </Menu.Item>
        ) : (
          <Menu.Item color="red" onClick={() => void forgetPool()}>
            Forget this pool, its password and certificates
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
};

const rooms: readonly { readonly room: PoolRoom; readonly label: string }[] = [
  { room: "overview", label: "Overview" },
  { room: "vms", label: "VMs" },
  { room: "ha", label: "High availability" },
  { room: "reboot", label: "Reboot" },
  { room: "timeline", label: "Timeline" },
  { room: "agents", label: "Agents" },
];

const RunBar = () => {
  const poolId = usePoolId();
  const run = usePoolFacts((facts) => facts.run);
  if (run === null) return null;
  return (
    <div className="sk-runbar" role="status">
      <Mark
        name={
          run.endedAtMs === null ? "busy" : run.status === "done" ? "phase-done" : "phase-undone"
        }
        word={currentPhaseTitle(run)}
      />
      <a
        className="sk-link"
        href={hashOf({ name: "pool", poolId, room: "reboot", hostUuid: run.hostUuid })}
      >
        Show the run
      </a>
    </div>
  );
};

/** Name, verdict with its reason, connection; the rooms below. The same place on every screen. */
export const TopBar = (props: {
  readonly pool: KnownPool;
  readonly room: PoolRoom;
  readonly hasBreak: boolean;
  readonly onBreak: () => void;
  readonly onForgotten: () => void;
}) => {
  const { pool, room } = props;
  return (
    <header className="sk-top">
      <div className="sk-top__row">
        <h1 className="sk-cut" title={pool.name}>
          {pool.name}
        </h1>
        <PoolVerdict />
        <div className="sk-top__end">
          <ConnectionStrip />
          {props.hasBreak ? (
            <Button
              variant="default"
              size="compact-sm"
              leftSection={<IconBolt size={14} />}
              onClick={props.onBreak}
            >
              Break things
            </Button>
          ) : null}
          <PoolMenu pool={pool} onForgotten={props.onForgotten} />
        </div>
      </div>
      <nav className="sk-tabs" aria-label="Rooms of the pool">
        {rooms.map((each) => (
          <a
            key={each.room}
            href={hashOf({ name: "pool", poolId: pool.poolId, room: each.room, hostUuid: null })}
            aria-current={each.room === room ? "page" : undefined}
          >
            {each.label}
          </a>
        ))}
      </nav>
      {room === "reboot" ? null : <RunBar />}
    </header>
  );
};
