import { Button, SegmentedControl } from "@mantine/core";
import { IconFlask, IconServerBolt } from "@tabler/icons-react";
import { useState } from "react";
import { useCommand, useHello } from "../../console/context.tsx";
import { FailureNotice } from "../../ui/notice.tsx";
import { Explain } from "../../ui/explain.tsx";
import "./welcome.css";

type Preset = "two" | "sixteen" | "large";

const presets: { readonly value: Preset; readonly label: string }[] = [
  { value: "two", label: "2 hosts" },
  { value: "sixteen", label: "16 hosts" },
  { value: "large", label: "64 hosts" },
];

const vmCounts: Readonly<Record<Preset, string>> = {
  two: "12 VMs",
  sixteen: "400 VMs",
  large: "5,000 VMs",
};

const DemoCard = (props: { readonly onConnected: (poolId: string) => void }) => {
  const start = useCommand("demo.start");
  const [preset, setPreset] = useState<Preset>("two");
  const explore = async (): Promise<void> => {
    const result = await start.run({ preset });
    if (result.ok) props.onConnected(result.value.poolId);
  };
  return (
    <section className="sk-panel sk-card" aria-labelledby="demo-card">
      <IconFlask size={22} stroke={1.6} aria-hidden />
      <h2 id="demo-card">Explore the demo pool</h2>
      <p>
        Starts a <Explain term="demo pool">pool of simulated hosts</Explain> on this machine. Cut
        its power, break its links, reboot its coordinator: nothing real is touched.
      </p>
      <div className="sk-card__row">
        <SegmentedControl
          size="xs"
          aria-label="Size of the demo pool"
          data={presets}
          value={preset}
          onChange={setPreset}
        />
        <span className="sk-faint">{vmCounts[preset]}</span>
      </div>
      <Button loading={start.isBusy} onClick={() => void explore()}>
        Explore the demo pool
      </Button>
      {start.error === null ? null : <FailureNotice error={start.error} />}
    </section>
  );
};

/** First run, and the way back here to add another pool. */
export const WelcomePage = (props: {
  readonly onConnect: () => void;
  readonly onConnected: (poolId: string) => void;
}) => {
  const hello = useHello();
  const hasDemo = hello.status === "ready" && hello.value.capabilities.demo;
  return (
    <div className="sk-welcome">
      <div className="sk-welcome__box">
        <div className="sk-welcome__lead">
          <h1>May this host be rebooted now?</h1>
          <p>
            Skink shows what protects an XCP-ng or XenServer pool, why, and what stands against
            touching a host. It switches native HA and reboots hosts safely, undoing every step when
            a later one fails. It does not restart VMs by itself.
          </p>
        </div>
        <div className="sk-welcome__cards" data-single={!hasDemo}>
          <section className="sk-panel sk-card" aria-labelledby="connect-card">
            <IconServerBolt size={22} stroke={1.6} aria-hidden />
            <h2 id="connect-card">Connect to a pool</h2>
            <p>
              Any member will do: it says which host is the{" "}
              <Explain term="coordinator">coordinator</Explain>. Nothing is installed on the hosts,
              and looking changes nothing.
            </p>
            <Button onClick={props.onConnect}>Connect to a pool</Button>
          </section>
          {hasDemo ? <DemoCard onConnected={props.onConnected} /> : null}
        </div>
      </div>
    </div>
  );
};
