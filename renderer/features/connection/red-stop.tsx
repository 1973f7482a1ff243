import { Button } from "@mantine/core";
import { useState } from "react";
import type { Connection } from "../../../main/contract/pool.ts";
import { useCommand, usePoolId } from "../../console/context.tsx";
import { CommandLine, Fingerprint } from "../../ui/fingerprint.tsx";
import { FailureNotice } from "../../ui/notice.tsx";
import { fingerprintCommand, isSameName } from "../../ui/trust.ts";
import { TypedName } from "../../ui/typed-name.tsx";
import "./connection.css";

type Changed = Extract<Connection, { status: "changed-certificate" }>;

/** A host presents another certificate than trusted. Nothing goes on until a person decides. */
export const RedStop = ({ connection }: { readonly connection: Changed }) => {
  const poolId = usePoolId();
  const accept = useCommand("pools.acceptCertificate");
  const [typed, setTyped] = useState("");
  const isNamed = isSameName(typed, connection.hostName) || isSameName(typed, connection.address);
  return (
    <section className="sk-redstop" aria-label="Certificate changed">
      <FailureNotice error={connection.error} />
      <div className="sk-redstop__prints">
        <div>
          <h3>Trusted until now</h3>
          <Fingerprint value={connection.trustedFingerprint} label="Trusted fingerprint" />
        </div>
        <div>
          <h3>Presented now, differences underlined</h3>
          <Fingerprint
            value={connection.presentedFingerprint}
            label="Presented fingerprint"
            comparedWith={connection.trustedFingerprint}
          />
        </div>
      </div>
      <div>
        <p className="sk-dim">
          On the console of {connection.hostName} ({connection.address}) itself, run this and
          compare with the second one:
        </p>
        <CommandLine text={fingerprintCommand} />
      </div>
      {accept.error === null ? null : <FailureNotice error={accept.error} />}
      <div className="sk-redstop__accept">
        <TypedName
          name={connection.hostName}
          what="to accept the new certificate"
          value={typed}
          onChange={setTyped}
        />
        <Button
          color="red"
          disabled={!isNamed}
          loading={accept.isBusy}
          onClick={() =>
            void accept.run({
              poolId,
              address: connection.address,
              fingerprint: connection.presentedFingerprint,
            })
          }
        >
          Accept the new certificate
        </Button>
      </div>
    </section>
  );
};
