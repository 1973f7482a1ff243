import { z } from "zod";
import type { RolloutRun } from "../../contract/install.ts";
import { readPoolKey } from "../../install/before.ts";
import type { OpenedBundle, Release } from "../../install/bundle.ts";
import type { Host } from "../../install/host.ts";
import { rolloutTiming } from "../../install/phase.ts";
import type { HostTarget } from "../../install/phase.ts";
import {
  choosePoolKey,
  installPlan,
  removePlan,
  rollbackPlan,
  targetsOf,
  upgradePlan,
} from "../../install/plans.ts";
import { Rollout } from "../../install/run.ts";
import type { RolloutPlan, RolloutPorts, StoredRun } from "../../install/run.ts";
import { HostFailure } from "../../install/shell.ts";
import type { ConsolePorts } from "../ports.ts";
import { problem } from "../problem.ts";
import type { AgentMember } from "./members.ts";
import type { Relay } from "./ports.ts";

/* A roll-out put together from what the console knows of the pool. */

export interface RolloutRequest {
  readonly runId: string;
  readonly kind: "install" | "upgrade" | "rollback" | "remove";
  readonly dryRun: boolean;
  readonly poolUuid: string;
  readonly members: readonly (AgentMember & { readonly udpPort: number })[];
  readonly chosen: readonly AgentMember[];
  readonly bundle: Promise<OpenedBundle>;
  readonly ports: ConsolePorts;
  readonly relay: Relay;
  readonly open: (uuid: string) => Promise<Host>;
  readonly onChange: () => void;
  readonly onEnd: (view: RolloutRun) => void;
}

export interface RunningRollout {
  view(): RolloutRun;
  stop(): void;
}

/** Resolves once it runs. Rejects with `HostFailure` or a problem when it cannot be started. */
export async function startRollout(request: RolloutRequest): Promise<RunningRollout> {
  const { ports, runId, dryRun, poolUuid } = request;
  const connections = new Map<string, Promise<Host>>();
  const open = (uuid: string, renew: boolean): Promise<Host> => {
    const known = connections.get(uuid);
    if (known !== undefined && !renew) return known;
    void known?.then(
      (host) => host.shell.close(),
      () => undefined,
    );
    const opened = request.open(uuid);
    connections.set(uuid, opened);
    return opened;
  };
  const close = (): void => {
    for (const host of connections.values()) {
      host.then(
        ({ shell }) => shell.close(),
        () => undefined,
      );
    }
  };
  const stopped = new AbortController();
  try {
    const plan = await planOf(request, (uuid) => open(uuid, false));
    const rollout = new Rollout(
      plan,
      {
        clock: ports.clock,
        owner: ports.owner,
        timing: ports.agents?.timing ?? rolloutTiming,
        open,
        store: storeOf(ports, poolUuid),
        onChange: request.onChange,
      },
      { runId, dryRun, signal: stopped.signal },
    );
    void rollout.run().then((view) => {
      close();
      request.onEnd(view);
    });
    return { view: () => rollout.view(), stop: () => stopped.abort() };
  } catch (failure) {
    close();
    throw failure;
  }
}

async function planOf(
  request: RolloutRequest,
  open: (uuid: string) => Promise<Host>,
): Promise<RolloutPlan> {
  const { kind, chosen } = request;
  switch (kind) {
    case "install": {
      const release = await releaseOf(request);
      return installPlan(await targets(request, open), release);
    }
    case "upgrade": {
      const release = await releaseOf(request);
      return upgradePlan(await targets(request, open), release);
    }
    case "rollback": {
      const versions = await previousVersions(chosen, open);
      return rollbackPlan(await targets(request, open), versions);
    }
    case "remove":
      return removePlan(await targets(request, open));
  }
}

/** Keys of all reachable hosts count, also of those that are not chosen: a new host gets theirs. */
async function targets(
  { members, chosen, poolUuid, relay }: RolloutRequest,
  open: (uuid: string) => Promise<Host>,
): Promise<readonly HostTarget[]> {
  const keys = await Promise.all(
    members.map(async ({ uuid }) => {
      const isChosen = chosen.some((one) => one.uuid === uuid);
      try {
        return await readPoolKey(await open(uuid));
      } catch (failure) {
        // A host that is not part of this run may be away, and its key is then that of its peers.
        if (isChosen || !(failure instanceof HostFailure)) throw failure;
        return null;
      }
    }),
  );
  const chosenUuids = new Set(chosen.map(({ uuid }) => uuid));
  const inRun = members.filter(({ uuid }) => chosenUuids.has(uuid));
  return targetsOf(
    { poolUuid, members, endpoint: (from, to, path) => relay(from.uuid, to.uuid, path) },
    inRun,
    choosePoolKey(keys),
  );
}

async function previousVersions(
  chosen: readonly AgentMember[],
  open: (uuid: string) => Promise<Host>,
): Promise<ReadonlyMap<string, string>> {
  const versions = new Map<string, string>();
  for (const { uuid, name } of chosen) {
    const { shell, paths } = await open(uuid);
    const link = await shell.readLink(paths.at("/opt/skink/previous"));
    const version = link?.split("/").at(-1);
    if (version === undefined || (await shell.stat(paths.release(version))) === null) {
      throw problem(
        "no-previous",
        `“${name}” holds no release from before.`,
        "Leave this host out.",
      );
    }
    versions.set(uuid, version);
  }
  return versions;
}

async function releaseOf({ bundle }: RolloutRequest): Promise<Release> {
  const opened = await bundle;
  if (opened.state === "good") return opened.release;
  throw problem(
    opened.state === "absent" ? "no-agent" : "agent-refused",
    opened.sentence,
    opened.state === "absent"
      ? "Build it with npm run build:agent."
      : "Get a console that is whole.",
  );
}

const storedSchema = z.record(z.string(), z.unknown());

/** One document for all pools: how hosts were before a run that has not ended. */
function storeOf({ store }: ConsolePorts, poolUuid: string): RolloutPorts["store"] {
  const name = "rollouts";
  const all = async (): Promise<Record<string, unknown>> => {
    const parsed = storedSchema.safeParse(await store.read(name));
    return parsed.success ? parsed.data : {};
  };
  let written: Promise<unknown> = Promise.resolve();
  const change = (run: StoredRun | null): Promise<void> => {
    const next = written.then(async () => {
      const others = Object.entries(await all()).filter(([uuid]) => uuid !== poolUuid);
      await store.write(
        name,
        Object.fromEntries(run === null ? others : [...others, [poolUuid, run]]),
      );
    });
    written = next.catch(() => undefined);
    return next;
  };
  return {
    load: async () => ((await all())[poolUuid] as StoredRun | undefined) ?? null,
    save: (run) => change(run),
    clear: () => change(null),
  };
}
