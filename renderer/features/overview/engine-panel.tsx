import type { PoolSummary } from "../../../main/contract/pool.ts";
import { usePoolFacts } from "../../console/context.tsx";
import { isBelievable } from "../../console/shown.ts";
import { Explain } from "../../ui/explain.tsx";
import { Mark, type MarkName } from "../../ui/mark.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Panel, Reasons } from "../../ui/panel.tsx";
import { engineMeaning, engineTitle } from "./engine-words.ts";

const markOf = (pool: PoolSummary, isLive: boolean): MarkName => {
  if (!isLive) return "pool-unknown";
  return `pool-${pool.verdict}`;
};

const NativeHaFacts = ({ pool }: { readonly pool: PoolSummary }) => {
  const { nativeHa } = pool.engine;
  return (
    <p className="sk-engine__facts">
      <span>
        <Explain term="failures to tolerate">Failures to tolerate</Explain>{" "}
        <b>{nativeHa.failuresToTolerate}</b>
      </span>
      <span>
        <Explain term="plan exists for">Plan exists for</Explain> <b>{nativeHa.planExistsFor}</b>
      </span>
      <span>
        <Explain term="HA timeout">Timeout</Explain>{" "}
        <b>{nativeHa.timeoutS === null ? "not told" : `${nativeHa.timeoutS} s`}</b>
      </span>
      <span>
        <Explain term="heartbeat SR">Heartbeat SR</Explain>{" "}
        <b>{nativeHa.heartbeatSrs.map((sr) => sr.name).join(", ") || "none"}</b>
      </span>
    </p>
  );
};

/** What protects this pool, why that is believed, and what it means. */
export const EnginePanel = ({ pool }: { readonly pool: PoolSummary }) => {
  const isLive = usePoolFacts((facts) => isBelievable(facts.connection));
  const { engine } = pool;
  return (
    <Panel title="What protects this pool" side={isLive ? null : "Last known, not current"}>
      <div className="sk-engine">
        <p className="sk-engine__name">
          {engineTitle(engine)}
          <Mark name={markOf(pool, isLive)} look="chip" />
        </p>
        <p>{engineMeaning(engine)}</p>
        {engine.nativeHa.enabled ? <NativeHaFacts pool={pool} /> : null}
        <Reasons reasons={engine.reasons} />
        {engine.replicationTraces.length === 0 ? null : (
          <Notice tone="warn">
            <p>
              <Explain term="replicated storage">Replicated storage</Explain> was seen. Its state is
              not read yet, so nothing here vouches for it.
            </p>
            <Reasons reasons={engine.replicationTraces} />
          </Notice>
        )}
      </div>
    </Panel>
  );
};
