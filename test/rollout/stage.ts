import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { readPoolKey } from "../../main/install/before.ts";
import type { BundleSource, Release } from "../../main/install/bundle.ts";
import { openBundle } from "../../main/install/bundle.ts";
import { hostOver } from "../../main/install/host.ts";
import type { Host } from "../../main/install/host.ts";
import type { RolloutTiming } from "../../main/install/phase.ts";
import {
  choosePoolKey,
  installPlan,
  removePlan,
  rollbackPlan,
  targetsOf,
  upgradePlan,
} from "../../main/install/plans.ts";
import type { Member, PoolPlace } from "../../main/install/plans.ts";
import type { RolloutPlan, RolloutPorts, StoredRun } from "../../main/install/run.ts";
import { openSsh } from "../../main/install/ssh.ts";
import type { SshKey } from "../../main/contract/install.ts";

/*
 * A roll-out over trial hosts, in this process or in one that can be killed. JSON, so it can be
 * handed over.
 */

export interface StageHost {
  readonly uuid: string;
  readonly name: string;
  readonly address: string;
  readonly root: string;
  readonly sshPort: number;
  readonly key: SshKey;
}

export interface StagePlan {
  readonly kind: "install" | "upgrade" | "rollback" | "remove";
  readonly hosts: readonly StageHost[];
  readonly privateKey: string;
  readonly bundle: BundleSource;
  readonly storeFile: string;
  readonly udpPort: number;
  readonly timing: RolloutTiming;
}

export const quickTiming: RolloutTiming = {
  heardMs: 20_000,
  watchMs: 700,
  canaryWatchMs: 1_000,
  pollMs: 100,
  lossMs: 700,
};

export interface Stage {
  readonly plan: RolloutPlan;
  readonly ports: RolloutPorts;
  close(): void;
}

export async function setStage(input: StagePlan, onChange: () => void): Promise<Stage> {
  const open = new Map<string, Promise<Host>>();
  const hostOf = (uuid: string, renew: boolean): Promise<Host> => {
    if (renew) {
      void open.get(uuid)?.then(
        (host) => host.shell.close(),
        () => undefined,
      );
      open.delete(uuid);
    }
    const known = open.get(uuid);
    if (known !== undefined) return known;
    const opened = openHost(input, uuid);
    open.set(uuid, opened);
    return opened;
  };
  const plan = await planOf(input, (uuid) => hostOf(uuid, false));
  return {
    plan,
    ports: {
      clock: {
        wallMs: () => Date.now(),
        monotonicMs: () => performance.now(),
        sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
      },
      owner: "test",
      timing: input.timing,
      open: hostOf,
      store: fileStore(input.storeFile),
      onChange,
    },
    close() {
      for (const host of open.values())
        host.then(
          ({ shell }) => shell.close(),
          () => undefined,
        );
    },
  };
}

async function openHost({ hosts, privateKey }: StagePlan, uuid: string): Promise<Host> {
  const host = hosts.find((one) => one.uuid === uuid);
  if (host === undefined) throw new Error(`no host ${uuid}`);
  const shell = await openSsh({
    endpoint: { host: "127.0.0.1", port: host.sshPort },
    hostName: host.name,
    trusted: host.key,
    user: "root",
    login: { kind: "key", privateKey },
  });
  return hostOver(shell, host.name, host.root);
}

async function planOf(
  input: StagePlan,
  open: (uuid: string) => Promise<Host>,
): Promise<RolloutPlan> {
  const members: readonly Member[] = input.hosts.map(({ uuid, name, address }, index) => ({
    uuid,
    name,
    isCoordinator: index === 0,
    pathAddresses: { management: address },
    udpPort: input.udpPort,
  }));
  const place: PoolPlace = { poolUuid: "pool", members };
  const keys = await Promise.all(members.map(async ({ uuid }) => readPoolKey(await open(uuid))));
  const targets = targetsOf(place, members, choosePoolKey(keys));
  switch (input.kind) {
    case "install":
      return installPlan(targets, await releaseOf(input));
    case "upgrade":
      return upgradePlan(targets, await releaseOf(input));
    case "rollback": {
      const versions = new Map<string, string>();
      for (const { uuid } of members) {
        const host = await open(uuid);
        const link = await host.shell.readLink(host.paths.at("/opt/skink/previous"));
        versions.set(uuid, link?.split("/").at(-1) ?? "");
      }
      return rollbackPlan(targets, versions);
    }
    case "remove":
      return removePlan(targets);
  }
}

async function releaseOf({ bundle }: StagePlan): Promise<Release> {
  const opened = await openBundle(bundle);
  if (opened.state === "good") return opened.release;
  throw new Error(opened.sentence);
}

function fileStore(file: string): RolloutPorts["store"] {
  return {
    load: () => Promise.resolve(readStored(file)),
    save: (run) => Promise.resolve(writeFileSync(file, JSON.stringify(run))),
    clear: () => Promise.resolve(rmSync(file, { force: true })),
  };
}

function readStored(file: string): StoredRun | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as StoredRun;
  } catch {
    return null;
  }
}
