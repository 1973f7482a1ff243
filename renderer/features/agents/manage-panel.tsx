import { Button, Modal } from "@mantine/core";
import { useState } from "react";
import type { AgentHost } from "../../../main/contract/agents.ts";
import type { AgentBundle } from "../../../main/contract/install.ts";
import { useCommand, usePoolId } from "../../console/context.tsx";
import { FailureNotice } from "../../ui/notice.tsx";
import { Panel } from "../../ui/panel.tsx";

type Verb = "upgrade" | "rollback" | "remove";

const words: Readonly<Record<Verb, { readonly title: string; readonly what: string }>> = {
  upgrade: {
    title: "Upgrade agents",
    what: "One host at a time, the first one watched. When a host does not come back healthy it returns to its release and the run stops.",
  },
  rollback: {
    title: "Roll agents back",
    what: "Every host returns to the release it ran before, one host at a time.",
  },
  remove: {
    title: "Remove agents",
    what: "Program, settings, key, firewall rule and journals of the agents are taken off the hosts. Export the timeline before if it is needed later.",
  },
};

const obstacleTo = (
  verb: Verb,
  hosts: readonly AgentHost[],
  bundle: AgentBundle,
): string | null => {
  const installed = hosts.flatMap(({ installed: each }) =>
    each.state === "installed" ? [each] : [],
  );
  if (installed.length === 0) return "No agent is installed.";
  switch (verb) {
    case "upgrade":
      if (bundle.state !== "good") return bundle.sentence;
      return installed.every((each) => each.version === bundle.version)
        ? "Every agent runs this console's version."
        : null;
    case "rollback":
      return installed.some((each) => each.previousVersion !== null)
        ? null
        : "No host keeps an earlier release.";
    case "remove":
      return null;
  }
};

const Row = (props: {
  readonly verb: Verb;
  readonly obstacle: string | null;
  readonly isRunning: boolean;
}) => {
  const { verb, obstacle } = props;
  const { title, what } = words[verb];
  const poolId = usePoolId();
  const [isOpen, setOpen] = useState(false);
  const command = useCommand(`agents.${verb}`);
  const start = async (dryRun: boolean): Promise<void> => {
    const result = await command.run({ poolId, dryRun });
    if (result.ok) setOpen(false);
  };
  return (
    <>
      <p className="sk-agents__line">
        <Button
          variant="default"
          disabled={obstacle !== null || props.isRunning}
          onClick={() => setOpen(true)}
        >
          {title}
        </Button>
        <span className="sk-dim">{obstacle ?? ""}</span>
      </p>
      <Modal opened={isOpen} onClose={() => setOpen(false)} title={title}>
        <div className="sk-agents__step">
          <p>{what}</p>
          {command.error === null ? null : <FailureNotice error={command.error} />}
          <div className="sk-form__buttons">
            <Button variant="default" onClick={() => setOpen(false)}>
              Cancel
            </Button>
            <Button variant="default" loading={command.isBusy} onClick={() => void start(true)}>
              Dry run
            </Button>
            <Button
              loading={command.isBusy}
              {...(verb === "remove" ? { color: "red" } : {})}
              onClick={() => void start(false)}
            >
              {title}
            </Button>
          </div>
        </div>
      </Modal>
    </>
  );
};

/** What can be done with agents that are there. */
export const ManagePanel = (props: {
  readonly hosts: readonly AgentHost[];
  readonly bundle: AgentBundle;
  readonly isRunning: boolean;
}) => (
  <Panel title="Change agents">
    <div className="sk-agents__step">
      {(["upgrade", "rollback", "remove"] as const).map((verb) => (
        <Row
          key={verb}
          verb={verb}
          obstacle={obstacleTo(verb, props.hosts, props.bundle)}
          isRunning={props.isRunning}
        />
      ))}
    </div>
  </Panel>
);
