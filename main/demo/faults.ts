import type { HardwareFaults } from "../../host-agent/xapi-host/settings.ts";
import type { DemoAction, DemoState } from "../contract/demo.ts";
import type { Machine } from "./machine.ts";

export interface Member {
  readonly machine: Machine;
  readonly address: string;
}

/** The break-things panel: one action, one thing a person could do in a server room. */
export async function actOn(members: readonly Member[], action: DemoAction): Promise<void> {
  if (action.action === "cut-link" || action.action === "restore-link") {
    changeLink(memberNamed(members, action.from), memberNamed(members, action.to), action.action);
    return;
  }
  const { machine } = memberNamed(members, action.host);
  switch (action.action) {
    case "cut-power":
      return machine.cutPower();
    case "power-on":
      return machine.powerOn();
    case "cut-network":
      return change(machine, { isNetworkCut: true });
    case "restore-network":
      return change(machine, { isNetworkCut: false });
    case "hang-xapi":
      return machine.hangXapi();
    case "resume-xapi":
      return machine.resumeXapi();
    case "kill-xapi":
      return machine.killXapi();
    case "shell-reboot":
      // Goes on by itself, like a command typed into a shell: evacuation may take long.
      void machine.reboot();
      return;
    case "fill-disk":
      return change(machine, { isDiskFull: true });
    case "free-disk":
      return change(machine, { isDiskFull: false });
  }
}

/** Whether what one host sends arrives at the other, as far as cables go. */
export function isLinkOpen(from: Member, to: Member): boolean {
  const [near, far] = [from.machine.faults, to.machine.faults];
  if (near.isNetworkCut || far.isNetworkCut) return false;
  return !near.lostTo.includes(to.address) && !far.lostFrom.includes(from.address);
}

function memberNamed(members: readonly Member[], name: string): Member {
  const found = members.find((member) => member.machine.name === name);
  if (found === undefined) throw new Error(`The demo pool has no host named ${name}.`);
  return found;
}

function change(machine: Machine, faults: Partial<HardwareFaults>): void {
  machine.setFaults({ ...machine.faults, ...faults });
}

/** A direction is lost at both ends, so that either end's process can act it out. */
function changeLink(from: Member, to: Member, action: "cut-link" | "restore-link"): void {
  const edit = (list: readonly string[], address: string): readonly string[] => {
    const others = list.filter((known) => known !== address);
    return action === "cut-link" ? [...others, address] : others;
  };
  change(from.machine, { lostTo: edit(from.machine.faults.lostTo, to.address) });
  change(to.machine, { lostFrom: edit(to.machine.faults.lostFrom, from.address) });
}

export function stateOf(members: readonly Member[]): DemoState {
  const nameOf = (address: string): string =>
    members.find((member) => member.address === address)?.machine.name ?? address;
  return {
    status: "running",
    sentence: `${members.length} virtual hosts run on this computer.`,
    hosts: members.map(({ machine, address }) => ({
      name: machine.name,
      address,
      ...machine.state,
      network: machine.faults.isNetworkCut ? "cut" : "connected",
      diskFull: machine.faults.isDiskFull,
    })),
    cutLinks: members.flatMap(({ machine }) =>
      machine.faults.lostTo.map((address) => ({ from: machine.name, to: nameOf(address) })),
    ),
  };
}
