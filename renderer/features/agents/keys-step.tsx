import { Button } from "@mantine/core";
import { useState } from "react";
import type { SshLook } from "../../../main/contract/install.ts";
import { useCommand, usePoolId } from "../../console/context.tsx";
import { CommandLine } from "../../ui/fingerprint.tsx";
import { Mark, type MarkName } from "../../ui/mark.tsx";
import { FailureNotice, Notice } from "../../ui/notice.tsx";
import { TypedName } from "../../ui/typed-name.tsx";
import { isSameName } from "../../ui/trust.ts";
import { keyObstacle } from "./agent-words.ts";

const lookMarks: Readonly<Record<SshLook["state"], { mark: MarkName; word: string }>> = {
  trusted: { mark: "same", word: "Accepted before" },
  "first-use": { mark: "check-review", word: "First use" },
  changed: { mark: "check-failed", word: "Changed" },
  unreachable: { mark: "host-not-live", word: "No answer" },
};

const LookRow = ({ look }: { readonly look: SshLook }) => (
  <tr data-state={look.state}>
    <td>
      <strong>{look.hostName}</strong> <span className="sk-faint">{look.address}</span>
    </td>
    <td>
      <Mark name={lookMarks[look.state].mark} word={lookMarks[look.state].word} />
    </td>
    <td className="sk-mono sk-agents__print">
      {look.key === null ? look.sentence : `${look.key.type} ${look.key.fingerprint}`}
    </td>
    <td>{look.crossCheck.sentence}</td>
  </tr>
);

const LookTable = ({ looks }: { readonly looks: readonly SshLook[] }) => (
  <table className="sk-table" aria-label="SSH keys of the hosts">
    <thead>
      <tr>
        <th scope="col">Host</th>
        <th scope="col">Key</th>
        <th scope="col">Fingerprint</th>
        <th scope="col">What the pool says</th>
      </tr>
    </thead>
    <tbody>
      {looks.map((each) => (
        <LookRow key={each.hostUuid} look={each} />
      ))}
    </tbody>
  </table>
);

/** A changed key is accepted one host at a time, by its typed name. */
const ChangedKey = (props: {
  readonly look: SshLook;
  readonly isBusy: boolean;
  readonly onAccept: (look: SshLook) => void;
}) => {
  const { look } = props;
  const [typed, setTyped] = useState("");
  return (
    <Notice tone="bad" isUrgent>
      <p>
        <strong>{look.hostName} shows another key than before.</strong> {look.sentence}
      </p>
      <p className="sk-mono">before {look.trustedKey?.fingerprint ?? "not known"}</p>
      <p className="sk-mono">now {look.key?.fingerprint ?? "not known"}</p>
      <p>Compare at the host&apos;s own console:</p>
      <CommandLine text={look.verifyCommand} />
      <TypedName
        name={look.hostName}
        what="to accept the new key"
        value={typed}
        onChange={setTyped}
      />
      <Button
        color="red"
        loading={props.isBusy}
        disabled={!isSameName(typed, look.hostName)}
        onClick={() => props.onAccept(look)}
      >
        Accept the new key of {look.hostName}
      </Button>
    </Notice>
  );
};

/** The keys of all hosts in one table, looked at without sending a secret. */
export const KeysStep = () => {
  const poolId = usePoolId();
  const looking = useCommand("ssh.look");
  const trusting = useCommand("ssh.trust");
  const [looks, setLooks] = useState<readonly SshLook[] | null>(null);
  const look = async (): Promise<void> => {
    const result = await looking.run({ poolId });
    if (result.ok) setLooks(result.value.hosts);
  };
  const accept = async (accepted: readonly SshLook[]): Promise<void> => {
    const keys = accepted.flatMap(({ hostUuid, key }) =>
      key === null ? [] : [{ hostUuid, fingerprint: key.fingerprint }],
    );
    const result = await trusting.run({ poolId, keys });
    if (result.ok) await look();
  };
  const fresh = (looks ?? []).filter((each) => each.state === "first-use");
  const obstacle = looks === null ? null : keyObstacle(looks);
  const error = looking.error ?? trusting.error;
  return (
    <div className="sk-agents__step">
      {error === null ? null : <FailureNotice error={error} />}
      {looks === null ? null : <LookTable looks={looks} />}
      {(looks ?? [])
        .filter((each) => each.state === "changed")
        .map((each) => (
          <ChangedKey
            key={each.hostUuid}
            look={each}
            isBusy={trusting.isBusy}
            onAccept={(one) => void accept([one])}
          />
        ))}
      {fresh[0] === undefined ? null : (
        <>
          <p className="sk-dim">Compare at a host&apos;s own console before accepting:</p>
          <CommandLine text={fresh[0].verifyCommand} />
        </>
      )}
      <div className="sk-agents__line">
        <Button
          variant={looks === null ? "filled" : "default"}
          loading={looking.isBusy}
          onClick={() => void look()}
        >
          {looks === null ? "Look at the keys" : "Look again"}
        </Button>
        {looks === null || obstacle !== null ? null : (
          <Button loading={trusting.isBusy} onClick={() => void accept(fresh)}>
            They match: accept {fresh.length}
          </Button>
        )}
        {obstacle === null ? null : <span role="status">{obstacle}</span>}
      </div>
    </div>
  );
};
