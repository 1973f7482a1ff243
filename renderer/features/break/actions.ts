import type { DemoAction, DemoState } from "../../../main/contract/demo.ts";

export type DemoHost = DemoState["hosts"][number];

export interface BreakAction {
  readonly action: DemoAction;
  readonly label: string;
  /** what doing this would be on real hardware */
  readonly realWorld: string;
  readonly isMending: boolean;
}

const power = (host: DemoHost): BreakAction =>
  host.power === "off"
    ? {
        action: { action: "power-on", host: host.name },
        label: "Power on",
        realWorld: "Pressing the power button: the host boots.",
        isMending: true,
      }
    : {
        action: { action: "cut-power", host: host.name },
        label: "Cut power",
        realWorld: "Pulling both power cords: host and VMs stop at once.",
        isMending: false,
      };

const xapi = (host: DemoHost): readonly BreakAction[] => {
  const kill: BreakAction = {
    action: { action: "kill-xapi", host: host.name },
    label: "Crash XAPI",
    realWorld: "XAPI crashes: the system starts it again, VMs keep running.",
    isMending: false,
  };
  if (host.xapi === "hung") {
    return [
      {
        action: { action: "resume-xapi", host: host.name },
        label: "Resume XAPI",
        realWorld: "The process goes on where it stood.",
        isMending: true,
      },
      kill,
    ];
  }
  return [
    {
      action: { action: "hang-xapi", host: host.name },
      label: "Hang XAPI",
      realWorld: "XAPI accepts connections and answers nothing; VMs keep running.",
      isMending: false,
    },
    kill,
  ];
};

const network = (host: DemoHost): BreakAction =>
  host.network === "cut"
    ? {
        action: { action: "restore-network", host: host.name },
        label: "Plug network in",
        realWorld: "The management cable is back.",
        isMending: true,
      }
    : {
        action: { action: "cut-network", host: host.name },
        label: "Cut network",
        realWorld: "Pulling the management cable: nobody reaches the host, it runs on.",
        isMending: false,
      };

const disk = (host: DemoHost): BreakAction =>
  host.diskFull
    ? {
        action: { action: "free-disk", host: host.name },
        label: "Free the disk",
        realWorld: "Somebody deletes old logs.",
        isMending: true,
      }
    : {
        action: { action: "fill-disk", host: host.name },
        label: "Fill the disk",
        realWorld: "Logs fill the system disk: XAPI cannot write its database.",
        isMending: false,
      };

const reboot = (host: DemoHost): BreakAction => ({
  action: { action: "shell-reboot", host: host.name },
  label: "Reboot from the shell",
  realWorld: "Somebody types reboot on the host, asking nobody.",
  isMending: false,
});

/** What can be done to a host in its present state. A host without power can only get it back. */
export const actionsFor = (host: DemoHost): readonly BreakAction[] => {
  if (host.power === "off") return [power(host)];
  return [power(host), network(host), ...xapi(host), reboot(host), disk(host)];
};

/** Pairs of hosts with whether packets pass, each direction on its own. */
export const isLinkCut = (state: DemoState, from: string, to: string): boolean =>
  state.cutLinks.some((link) => link.from === from && link.to === to);
