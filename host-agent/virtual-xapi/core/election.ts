/** The two-phase hand-over: everyone agrees to a new coordinator, or nothing happens. */
import { PeerUnreachable } from "../ports.ts";
import { XapiFailure } from "../value.ts";
import { RESTART_CODE, type Life } from "./life.ts";
import { writeRole } from "./pool-conf.ts";

/** How often a designated host looks whether the old coordinator has gone. */
const WATCH_MS = 3_000;

function abort(reason: string): XapiFailure {
  return new XapiFailure("HA_ABORT_NEW_MASTER", reason);
}

/** Throws `HA_ABORT_NEW_MASTER` while another proposal is fresh. */
export function propose(life: Life, address: string): void {
  const nowMs = life.ports.clock.nowMs();
  const held = life.proposal;
  const fresh = held !== null && nowMs - held.atMs <= life.options.timing.proposalMs;
  if (fresh && held.address !== address) {
    throw abort(`Another host, ${held.address}, has been agreed to as the new coordinator`);
  }
  life.proposal = { address, atMs: nowMs };
}

export function dropProposal(life: Life): void {
  life.proposal = null;
}

/** Throws `HA_ABORT_NEW_MASTER` for an address that was not proposed here. */
export function commitProposal(life: Life, address: string): void {
  const held = life.proposal;
  if (held === null) throw abort(`Asked to commit to ${address} without a proposal`);
  if (held.address !== address) {
    throw abort(`Asked to commit to ${address}, but ${held.address} was proposed`);
  }
  life.changeRole(
    address === life.options.address ? { type: "coordinator" } : { type: "supporter", address },
  );
}

async function proposeToAll(life: Life, addresses: readonly string[]): Promise<void> {
  const { address: mine, timing } = life.options;
  const agreed: string[] = [];
  try {
    for (const address of addresses) {
      const args = ["host.propose_new_master", mine, true];
      await life.peers.ask(address, "local-call", args, timing.connectMs);
      agreed.push(address);
    }
    propose(life, mine);
  } catch (error) {
    for (const address of agreed) {
      const args = ["host.abort_new_master", mine];
      await life.peers.ask(address, "local-call", args, timing.connectMs).catch(() => {});
    }
    if (error instanceof PeerUnreachable) throw abort("A member could not be reached");
    throw error;
  }
}

async function commitToAll(life: Life, addresses: readonly string[]): Promise<boolean> {
  const { address: mine, timing } = life.options;
  let all = true;
  for (const address of addresses) {
    try {
      const args = ["host.commit_new_master", mine];
      await life.peers.ask(address, "local-call", args, timing.connectMs);
    } catch (error) {
      all = false;
      life.log("error", `${address} did not commit: ${String(error)}`);
    }
  }
  return all;
}

/** Two coordinators must not meet: the new one starts when the old one is gone. */
async function startWhenOldIsGone(life: Life): Promise<void> {
  const { coordinatorAddress, options } = life;
  for (;;) {
    try {
      const { connectMs } = options.timing;
      if ((await life.peers.ask(coordinatorAddress, "is_slave", [], connectMs)) === true) break;
    } catch {
      break;
    }
    await life.ports.clock.sleep(WATCH_MS);
  }
  life.exit(RESTART_CODE);
}

/**
 * Makes this host the coordinator with everyone's consent. Throws `HA_ABORT_NEW_MASTER` when
 * somebody objects or cannot be reached; nothing has changed then.
 */
export async function standForElection(
  life: Life,
  peers: readonly string[],
  manner: "manual" | "automatic",
): Promise<void> {
  await proposeToAll(life, peers);
  writeRole(life.ports.disk, { type: "broken" });
  if (!(await commitToAll(life, peers))) {
    life.exit(RESTART_CODE);
    return;
  }
  life.local.set("x.became_coordinator", "true");
  writeRole(life.ports.disk, { type: "coordinator" });
  if (manner === "automatic") life.exit(RESTART_CODE);
  else void startWhenOldIsGone(life);
}
