import { Button, Checkbox, Modal, PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import type { InputOf } from "../../../main/contract/console-api.ts";
import { useCommand, useHello } from "../../console/context.tsx";
import { CommandLine, Fingerprint } from "../../ui/fingerprint.tsx";
import { Explain } from "../../ui/explain.tsx";
import { formatTime } from "../../ui/format.ts";
import { FailureNotice, Notice } from "../../ui/notice.tsx";
import { TypedName } from "../../ui/typed-name.tsx";
import { fingerprintCommand, isSameName } from "../../ui/trust.ts";
import {
  acceptance,
  certificatesToTrust,
  type Probe,
  type SeenCertificate,
} from "./certificates.ts";

type Credentials = Pick<InputOf<"pools.connect">, "address" | "user" | "password" | "remember">;

const noCredentials: Credentials = { address: "", user: "root", password: "", remember: false };

const AddressForm = (props: {
  readonly value: Credentials;
  readonly onChange: (value: Credentials) => void;
  readonly onSubmit: () => void;
  readonly isBusy: boolean;
  readonly onCancel: () => void;
}) => {
  const { value, onChange, isBusy } = props;
  const hello = useHello();
  const canRemember = hello.status === "ready" && hello.value.capabilities.rememberPasswords;
  const isComplete = value.address.trim() !== "" && value.user !== "" && value.password !== "";
  return (
    <form
      className="sk-form"
      aria-label="Connect to a pool"
      onSubmit={(event) => {
        event.preventDefault();
        if (isComplete && !isBusy) props.onSubmit();
      }}
    >
      <TextInput
        label="Address of any host of the pool"
        description="Name or IP address, with :port if it is not 443"
        value={value.address}
        onChange={(event) => onChange({ ...value, address: event.currentTarget.value })}
        autoComplete="off"
        spellCheck={false}
        data-autofocus
        required
        withAsterisk={false}
      />
      <div className="sk-form__row">
        <TextInput
          label="User"
          value={value.user}
          onChange={(event) => onChange({ ...value, user: event.currentTarget.value })}
          autoComplete="off"
          spellCheck={false}
          required
          withAsterisk={false}
        />
        <PasswordInput
          label="Password"
          value={value.password}
          onChange={(event) => onChange({ ...value, password: event.currentTarget.value })}
          autoComplete="off"
          required
          withAsterisk={false}
        />
      </div>
      {canRemember ? (
        <Checkbox
          label="Remember the password in this computer's keychain"
          checked={value.remember}
          onChange={(event) => onChange({ ...value, remember: event.currentTarget.checked })}
        />
      ) : (
        <p className="sk-faint">The password stays in memory and is gone when the console ends.</p>
      )}
      <div className="sk-form__buttons">
        <Button variant="default" onClick={props.onCancel}>
          Cancel
        </Button>
        <Button type="submit" loading={isBusy} disabled={!isComplete}>
          Connect
        </Button>
      </div>
    </form>
  );
};

const CertificateFacts = ({ certificate }: { readonly certificate: SeenCertificate }) => (
  <dl className="sk-facts">
    <dt>Issued to</dt>
    <dd>{certificate.subject}</dd>
    <dt>Valid</dt>
    <dd>
      {formatTime(certificate.validFromMs)} to {formatTime(certificate.validToMs)}
    </dd>
  </dl>
);

const CertificateCard = ({ certificate }: { readonly certificate: SeenCertificate }) => {
  const { address, role, trustedFingerprint } = certificate;
  const isChanged = certificate.trust === "changed" && trustedFingerprint !== null;
  return (
    <div className="sk-form">
      <h3>
        {address}, <Explain term={role}>{role}</Explain>
        {isChanged ? ": trusted until now" : ""}
      </h3>
      {isChanged ? <Fingerprint value={trustedFingerprint} label="Trusted fingerprint" /> : null}
      {isChanged ? <h3>Presented now, differences underlined</h3> : null}
      <Fingerprint
        value={certificate.fingerprint}
        label="Presented fingerprint"
        {...(isChanged ? { comparedWith: trustedFingerprint } : {})}
      />
      <CertificateFacts certificate={certificate} />
    </div>
  );
};

const TrustIntro = (props: {
  readonly address: string;
  readonly isChanged: boolean;
  readonly isSeveral: boolean;
}) =>
  props.isChanged ? (
    <Notice tone="bad" isUrgent>
      <p>
        <strong>Another certificate is presented than before.</strong>
      </p>
      <p>
        Either it was renewed, or somebody sits in between. No password was sent. Compare before
        going on.
      </p>
    </Notice>
  ) : (
    <p>
      This console meets {props.isSeveral ? "these hosts" : props.address} for the first time.
      Compare the <Explain term="fingerprint">fingerprint</Explain> with what the host itself
      prints. The password is sent only after you accept
      {props.isSeveral ? ", and it goes to the coordinator" : ""}.
    </p>
  );

const TrustStep = (props: {
  readonly probe: Probe;
  readonly isBusy: boolean;
  readonly onAccept: () => void;
  readonly onBack: () => void;
}) => {
  const { probe } = props;
  const [typed, setTyped] = useState("");
  const toTrust = certificatesToTrust(probe);
  const isChanged = toTrust.some((certificate) => certificate.trust === "changed");
  return (
    <div className="sk-form">
      <TrustIntro address={probe.address} isChanged={isChanged} isSeveral={toTrust.length > 1} />
      {toTrust.map((certificate) => (
        <CertificateCard key={certificate.role} certificate={certificate} />
      ))}
      <div>
        <p className="sk-dim">On the host's own console, run:</p>
        <CommandLine text={fingerprintCommand} />
      </div>
      {isChanged ? (
        <TypedName
          name={probe.address}
          what="to accept the new certificate"
          value={typed}
          onChange={setTyped}
        />
      ) : null}
      <div className="sk-form__buttons">
        <Button variant="default" onClick={props.onBack}>
          Do not trust it
        </Button>
        <Button
          color={isChanged ? "red" : undefined}
          loading={props.isBusy}
          disabled={isChanged && !isSameName(typed, probe.address)}
          onClick={props.onAccept}
        >
          They match: trust and connect
        </Button>
      </div>
    </div>
  );
};

/** Address, look without a password, trust, log in. Each failure stays beside what caused it. */
export const ConnectDialog = (props: {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly onConnected: (poolId: string) => void;
}) => {
  const [credentials, setCredentials] = useState(noCredentials);
  const [toTrust, setToTrust] = useState<Probe | null>(null);
  const probe = useCommand("pools.probe");
  const connect = useCommand("pools.connect");
  const error = probe.error ?? connect.error;

  const logIn = async (accepted: Probe | null): Promise<void> => {
    const result = await connect.run({
      ...credentials,
      address: credentials.address.trim(),
      ...(accepted === null ? {} : acceptance(accepted)),
    });
    setToTrust(null);
    if (!result.ok) return;
    setCredentials(noCredentials);
    props.onConnected(result.value.poolId);
  };
  const look = async (): Promise<void> => {
    connect.clear();
    const seen = await probe.run({ address: credentials.address.trim() });
    if (!seen.ok) return;
    if (certificatesToTrust(seen.value).length === 0) await logIn(null);
    else setToTrust(seen.value);
  };
  const close = (): void => {
    setToTrust(null);
    setCredentials(noCredentials);
    probe.clear();
    connect.clear();
    props.onClose();
  };

  return (
    <Modal
      opened={props.isOpen}
      onClose={close}
      title={toTrust === null ? "Connect to a pool" : "Is this the host you mean?"}
      size={560}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {error === null ? null : (
        <div style={{ marginBottom: 12 }}>
          <FailureNotice error={error} />
        </div>
      )}
      {toTrust === null ? (
        <AddressForm
          value={credentials}
          onChange={setCredentials}
          onSubmit={() => void look()}
          isBusy={probe.isBusy || connect.isBusy}
          onCancel={close}
        />
      ) : (
        <TrustStep
          probe={toTrust}
          isBusy={connect.isBusy}
          onAccept={() => void logIn(toTrust)}
          onBack={() => setToTrust(null)}
        />
      )}
    </Modal>
  );
};
