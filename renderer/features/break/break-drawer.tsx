import { Button, CloseButton } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { DemoAction, DemoState } from "../../../main/contract/demo.ts";
import { useCommand, useDemo, useRestartStreams } from "../../console/context.tsx";
import { Mark, type MarkName } from "../../ui/mark.tsx";
import { FailureNotice, Notice } from "../../ui/notice.tsx";
import { FailedPicture, LoadingPicture } from "../../ui/picture.tsx";
import { actionsFor, isLinkCut, type DemoHost } from "./actions.ts";
import "./break.css";

interface Act {
  readonly isBusy: boolean;
  readonly run: (action: DemoAction) => void;
}

const states = (host: DemoHost): { readonly name: MarkName; readonly word: string }[] => [
  {
    name: host.power === "on" ? "on" : host.power === "off" ? "off" : "busy",
    word: `power ${host.power}`,
  },
  {
    name: host.xapi === "running" ? "on" : host.xapi === "starting" ? "busy" : "differs",
    word: `XAPI ${host.xapi}`,
  },
  { name: host.network === "connected" ? "on" : "differs", word: `network ${host.network}` },
  ...(host.diskFull ? [{ name: "differs" as const, word: "disk full" }] : []),
];

/** A host where all is well needs one word, not three. */
const shownStates = (host: DemoHost): ReturnType<typeof states> => {
  const all = states(host);
  if (host.power === "off") return all.slice(0, 1);
  const odd = all.filter((state) => state.name !== "on");
  return odd.length === 0 ? [{ name: "on", word: "all well" }] : odd;
};

const HostBox = (props: { readonly host: DemoHost; readonly act: Act }) => {
  const { host, act } = props;
  const shown = shownStates(host);
  return (
    <section className="sk-break__host" aria-label={host.name}>
      <header className="sk-break__head">
        <h3>{host.name}</h3>
        {shown.map((state) => (
          <Mark key={state.word} name={state.name} word={state.word} sizePx={13} />
        ))}
      </header>
      <ul className="sk-break__actions">
        {actionsFor(host).map((each) => (
          <li key={each.label}>
            <Button
              size="compact-xs"
              variant={each.isMending ? "light" : "default"}
              disabled={act.isBusy}
              onClick={() => act.run(each.action)}
              aria-label={`${each.label}: ${host.name}`}
            >
              {each.label}
            </Button>
            <span>{each.realWorld}</span>
          </li>
        ))}
      </ul>
    </section>
  );
};

const LinkBox = (props: { readonly state: DemoState; readonly act: Act }) => {
  const { state, act } = props;
  const names = state.hosts.map((host) => host.name);
  const [from, setFrom] = useState(names[0] ?? "");
  const [to, setTo] = useState(names[1] ?? "");
  const isCut = isLinkCut(state, from, to);
  return (
    <section className="sk-break__host" aria-label="Links between hosts">
      <header className="sk-break__head">
        <h3>One direction between two hosts</h3>
      </header>
      <div className="sk-break__link">
        <select
          className="sk-select"
          aria-label="From"
          value={from}
          onChange={(event) => setFrom(event.currentTarget.value)}
        >
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <span aria-hidden>→</span>
        <select
          className="sk-select"
          aria-label="To"
          value={to}
          onChange={(event) => setTo(event.currentTarget.value)}
        >
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <Button
          size="compact-xs"
          variant={isCut ? "light" : "default"}
          disabled={act.isBusy || from === to}
          onClick={() => act.run({ action: isCut ? "restore-link" : "cut-link", from, to })}
        >
          {isCut ? "Restore link" : "Cut link"}
        </Button>
      </div>
      <p className="sk-dim" style={{ marginTop: 6, fontSize: 12 }}>
        A firewall rule or a broken switch port: packets are lost one way only.
      </p>
      {state.cutLinks.length === 0 ? null : (
        <ul className="sk-break__actions">
          {state.cutLinks.map((link) => (
            <li key={`${link.from} ${link.to}`}>
              <Button
                size="compact-xs"
                variant="light"
                disabled={act.isBusy}
                onClick={() => act.run({ action: "restore-link", ...link })}
                aria-label={`Restore link: ${link.from} to ${link.to}`}
              >
                Restore link
              </Button>
              <span>
                {link.from} → {link.to} is cut
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
};

const Body = (props: { readonly state: DemoState }) => {
  const { state } = props;
  const breaking = useCommand("demo.break");
  const act: Act = { isBusy: breaking.isBusy, run: (action) => void breaking.run(action) };
  return (
    <div className="sk-break">
      <Notice tone="none">
        <p>These are simulated hosts on this machine. Nothing real is touched.</p>
      </Notice>
      {breaking.error === null ? null : <FailureNotice error={breaking.error} />}
      {state.status === "running" ? null : <Notice tone="warn">{state.sentence}</Notice>}
      {state.hosts.length < 2 ? null : <LinkBox state={state} act={act} />}
      {state.hosts.map((host) => (
        <HostBox key={host.name} host={host} act={act} />
      ))}
    </div>
  );
};

/** The demo pool's hardware. It lies beside the screen, not over it: breaking is for watching. */
export const BreakDrawer = (props: { readonly isOpen: boolean; readonly onClose: () => void }) => {
  const demo = useDemo();
  const restart = useRestartStreams();
  const body = () => {
    switch (demo.status) {
      case "loading":
        return <LoadingPicture label="The demo pool's hardware is being asked." />;
      case "failed":
        return <FailedPicture error={demo.error} onRetry={restart} />;
      case "ready":
        return <Body state={demo.value} />;
    }
  };
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    if (props.isOpen) panel.current?.focus();
  }, [props.isOpen]);
  if (!props.isOpen) return null;
  return (
    <aside
      ref={panel}
      className="sk-drawer"
      aria-label="Break things"
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === "Escape") props.onClose();
      }}
    >
      <header className="sk-drawer__head">
        <h2>Break things</h2>
        <CloseButton aria-label="Close" onClick={props.onClose} />
      </header>
      <div className="sk-drawer__body">{body()}</div>
    </aside>
  );
};
