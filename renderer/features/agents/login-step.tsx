import {
  Button,
  Checkbox,
  FileButton,
  PasswordInput,
  SegmentedControl,
  Textarea,
} from "@mantine/core";
import { useState } from "react";
import type { SshLogin } from "../../../main/contract/install.ts";
import { useCommand, useHello, usePoolId } from "../../console/context.tsx";
import { FailureNotice } from "../../ui/notice.tsx";

type Kind = SshLogin["kind"];

const loginWords: Readonly<Record<Kind | "none", string>> = {
  none: "No login was given yet.",
  password: "Logs in as root with a password.",
  key: "Logs in as root with a private key.",
  agent: "Logs in as root through this computer's SSH agent.",
};

const kinds = [
  { value: "password", label: "Password" },
  { value: "key", label: "Private key" },
  { value: "agent", label: "SSH agent" },
];

const isKind = (text: string): text is Kind => kinds.some((kind) => kind.value === text);

interface Typed {
  readonly password: string;
  readonly privateKey: string;
  readonly passphrase: string;
}

const nothingTyped: Typed = { password: "", privateKey: "", passphrase: "" };

/** Null while something is missing. */
const loginOf = (kind: Kind, typed: Typed): SshLogin | null => {
  switch (kind) {
    case "password":
      return typed.password === "" ? null : { kind, password: typed.password };
    case "key":
      if (typed.privateKey.trim() === "") return null;
      return typed.passphrase === ""
        ? { kind, privateKey: typed.privateKey }
        : { kind, privateKey: typed.privateKey, passphrase: typed.passphrase };
    case "agent":
      return { kind };
  }
};

const KeyFields = (props: { readonly typed: Typed; readonly onChange: (typed: Typed) => void }) => {
  const { typed, onChange } = props;
  return (
    <>
      <Textarea
        size="xs"
        label="Private key in OpenSSH form"
        value={typed.privateKey}
        onChange={(event) => onChange({ ...typed, privateKey: event.currentTarget.value })}
        rows={4}
        spellCheck={false}
        autoComplete="off"
      />
      <div className="sk-agents__line">
        <FileButton
          onChange={(file) =>
            void file?.text().then((privateKey) => onChange({ ...typed, privateKey }))
          }
        >
          {(button) => (
            <Button variant="default" {...button}>
              Read a key file
            </Button>
          )}
        </FileButton>
        <PasswordInput
          aria-label="Passphrase of the key"
          placeholder="Passphrase, if it has one"
          value={typed.passphrase}
          onChange={(event) => onChange({ ...typed, passphrase: event.currentTarget.value })}
          autoComplete="off"
          style={{ flex: 1 }}
        />
      </div>
    </>
  );
};

/** How to log in to the hosts as root. What is typed goes to the backend and is forgotten here. */
export const LoginStep = (props: { readonly given: Kind | "none" }) => {
  const poolId = usePoolId();
  const hello = useHello();
  const login = useCommand("ssh.login");
  const forget = useCommand("ssh.forget");
  const [kind, setKind] = useState<Kind>("password");
  const [typed, setTyped] = useState(nothingTyped);
  const [isRemembered, setRemembered] = useState(false);
  const canRemember = hello.status === "ready" && hello.value.capabilities.rememberPasswords;
  const wanted = loginOf(kind, typed);
  const send = async (): Promise<void> => {
    if (wanted === null) return;
    const result = await login.run({ poolId, login: wanted, remember: isRemembered });
    if (result.ok) setTyped(nothingTyped);
  };
  const error = login.error ?? forget.error;
  return (
    <div className="sk-agents__step">
      <p className="sk-dim">{loginWords[props.given]}</p>
      <SegmentedControl
        size="xs"
        aria-label="How to log in"
        data={kinds}
        value={kind}
        onChange={(value) => {
          if (isKind(value)) setKind(value);
        }}
      />
      {kind === "password" ? (
        <PasswordInput
          label="Password of root on the hosts"
          value={typed.password}
          onChange={(event) => setTyped({ ...typed, password: event.currentTarget.value })}
          autoComplete="off"
        />
      ) : null}
      {kind === "key" ? <KeyFields typed={typed} onChange={setTyped} /> : null}
      {canRemember ? (
        <Checkbox
          label="Remember it in this computer's keychain"
          checked={isRemembered}
          onChange={(event) => setRemembered(event.currentTarget.checked)}
        />
      ) : null}
      {error === null ? null : <FailureNotice error={error} />}
      <div className="sk-agents__line">
        <Button loading={login.isBusy} disabled={wanted === null} onClick={() => void send()}>
          Use this login
        </Button>
        {props.given === "none" ? null : (
          <Button
            variant="default"
            loading={forget.isBusy}
            onClick={() => void forget.run({ poolId })}
          >
            Forget the login
          </Button>
        )}
      </div>
    </div>
  );
};
