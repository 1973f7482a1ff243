import { useMemo } from "react";
import type { PoolSummary } from "../../../main/contract/pool.ts";
import { usePoolFacts } from "../../console/context.tsx";
import { isBelievable } from "../../console/shown.ts";
import { Explain } from "../../ui/explain.tsx";
import { counted } from "../../ui/format.ts";
import { Mark } from "../../ui/mark.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Panel, Reasons } from "../../ui/panel.tsx";
import { countTreatments } from "./count-treatments.ts";

const OnFacts = ({ pool }: { readonly pool: PoolSummary }) => {
  const { nativeHa } = pool.engine;
  return (
    <>
      <dt>
        <Explain term="failures to tolerate">Failures to tolerate</Explain>
      </dt>
      <dd>{nativeHa.failuresToTolerate}</dd>
      <dt>
        <Explain term="plan exists for">Plan exists for</Explain>
      </dt>
      <dd>
        {counted(nativeHa.planExistsFor, "host failure")}
        {nativeHa.planExistsFor < nativeHa.failuresToTolerate ? ", fewer than asked for" : ""}
      </dd>
      <dt>
        <Explain term="HA timeout">Timeout</Explain>
      </dt>
      <dd>{nativeHa.timeoutS === null ? "not told by XAPI" : `${nativeHa.timeoutS} s`}</dd>
      <dt>
        <Explain term="heartbeat SR">Heartbeat SR</Explain>
      </dt>
      <dd>{nativeHa.heartbeatSrs.map((sr) => sr.name).join(", ") || "none found"}</dd>
    </>
  );
};

const LizardNotice = ({ pool }: { readonly pool: PoolSummary }) => {
  const { haLizard } = pool.engine;
  if (!haLizard.configured) return null;
  return (
    <Notice tone={haLizard.enabled ? "warn" : "none"}>
      <p>
        <strong>
          <Explain term="HA-Lizard">HA-Lizard</Explain> is set up here and switched{" "}
          {haLizard.enabled ? "on" : "off"}.
        </strong>
      </p>
      <p>
        It is shown as the pool's settings tell it, read-only.{" "}
        {haLizard.enabled
          ? "Native HA must not be turned on beside it: two engines would start the same VM twice."
          : ""}
      </p>
    </Notice>
  );
};

/** What is on, and what that is worth, in words that promise nothing more. */
export const StatePanel = ({ pool }: { readonly pool: PoolSummary }) => {
  const vms = usePoolFacts((facts) => facts.vms);
  const isLive = usePoolFacts((facts) => isBelievable(facts.connection));
  const counts = useMemo(() => countTreatments(vms.values()), [vms]);
  const { nativeHa } = pool.engine;
  return (
    <Panel title="State now" side={isLive ? null : "Last known, not current"}>
      <div className="sk-ha__state">
        <dl className="sk-ha__facts">
          <dt>
            <Explain term="native HA">Native HA</Explain>
          </dt>
          <dd>
            <Mark name={nativeHa.enabled ? "on" : "off"} />
          </dd>
          {nativeHa.enabled ? <OnFacts pool={pool} /> : null}
          <dt>
            <Explain term="restart">Restart</Explain>
          </dt>
          <dd>{counted(counts.restart, "VM")}</dd>
          <dt>
            <Explain term="best-effort">Best effort</Explain>
          </dt>
          <dd>{counted(counts["best-effort"], "VM")}</dd>
          <dt>
            <Explain term="unprotected">Unprotected</Explain>
          </dt>
          <dd>{counted(counts.unprotected, "VM")}</dd>
        </dl>
        {nativeHa.overcommitted ? (
          <Notice tone="warn">
            <p>
              <strong>
                The pool is <Explain term="overcommitted">overcommitted</Explain>.
              </strong>{" "}
              {nativeHa.allowOvercommit
                ? "It is allowed to be, so XAPI will not refuse what makes it worse."
                : "XAPI refuses whatever would make it worse."}
            </p>
          </Notice>
        ) : null}
        <Reasons reasons={pool.engine.reasons} />
        <LizardNotice pool={pool} />
        <p className="sk-faint">
          Skink switches native HA and shows its state. Skink itself protects nothing yet: it does
          not fence hosts and does not restart VMs.
        </p>
      </div>
    </Panel>
  );
};
