import { actAndProve } from "../ha/proof.ts";
import { XapiFailure } from "../pool-session.ts";
import { problem } from "../problem.ts";
import { ledgerPrefix, readLedgerOwner } from "../verdict/ledger-key.ts";
import { mapOf, poolOf } from "../verdict/read.ts";
import { poolRefOf, setConfigKey, type Acts } from "./acts.ts";

/**
 * The ledger lives in `pool.other_config`: `skink.run` says whose run it is and is taken with an
 * add that fails when it is there, so two consoles cannot both hold it; `skink.run.<phase>` is
 * added before that phase changes anything and holds the values to put back. No key is ever
 * rewritten, so there is no moment at which a crash leaves a change without its record. No secrets.
 */
export async function takeLedger(acts: Acts): Promise<void> {
  const { session, timing } = acts;
  const ref = poolRefOf(acts);
  const head = JSON.stringify({
    v: 1,
    run: acts.runId,
    kind: "reboot-host",
    owner: acts.owner,
    host: acts.hostName,
    hostUuid: acts.hostUuid,
    startedAtMs: acts.clock.wallMs(),
  });
  const act = async (): Promise<void> => {
    try {
      await session.call("pool.add_to_other_config", ref, ledgerPrefix, head);
    } catch (failure) {
      if (!(failure instanceof XapiFailure) || failure.code !== "MAP_DUPLICATE_KEY") throw failure;
      if (poolConfig(acts)[ledgerPrefix] === head) return;
      throw heldByOther(poolConfig(acts));
    }
  };
  await actAndProve(acts, act, {
    what: "the ledger of this run is written to the pool",
    holds: (records) => mapOf(poolOf(records)?.record, "other_config")[ledgerPrefix] === head,
    timeoutMs: timing.factsMs,
    repeatable: "when-unseen",
  });
}

function heldByOther(config: Readonly<Record<string, string>>): Error {
  return problem(
    "RUN_HELD",
    `${readLedgerOwner(config)} is changing this pool or stopped half way.`,
    "Let that run end, or finish or undo it, before another one.",
  );
}

/** Records what a phase will change, before it does; harmless to call again. */
export async function noteInLedger(acts: Acts, phase: string, restore: unknown): Promise<void> {
  await setConfigKey(acts, {
    owner: "pool",
    ref: poolRefOf(acts),
    key: `${ledgerPrefix}.${phase}`,
    value: JSON.stringify(restore),
  });
}

/** Removes the phases' records, then the head; throws when it is not this run's ledger. */
export async function removeLedger(acts: Acts): Promise<void> {
  const ref = poolRefOf(acts);
  const head = poolConfig(acts)[ledgerPrefix];
  if (head !== undefined && !head.includes(acts.runId)) throw heldByOther(poolConfig(acts));
  const keys = Object.keys(poolConfig(acts)).filter((key) => key.startsWith(`${ledgerPrefix}.`));
  for (const key of [...keys, ledgerPrefix]) {
    await setConfigKey(acts, { owner: "pool", ref, key, value: undefined });
  }
}

function poolConfig(acts: Acts): Readonly<Record<string, string>> {
  return mapOf(poolOf(acts.session.records())?.record, "other_config");
}

/** Whether the ledger in the pool is this run's. */
export function holdsLedger(acts: Acts): boolean {
  return poolConfig(acts)[ledgerPrefix]?.includes(acts.runId) === true;
}
