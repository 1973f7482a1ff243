/** Every word of the trade that a screen uses, in one or two plain sentences. */
export const glossary = {
  pool: "A group of hosts that share storage and networks and are managed as one.",
  coordinator:
    "The one host that keeps the pool's database and answers for the whole pool. XAPI's fields call it master.",
  supporter:
    "Every other host of the pool. It follows the coordinator. XAPI's fields call it slave.",
  XAPI: "The management service on every host. This console talks to it; VMs keep running when it stops.",
  live: "XAPI's own opinion of whether the host answers. Without native HA it may be ten minutes late.",
  enabled:
    "An enabled host may receive VMs. A disabled one keeps what it runs but gets nothing new.",
  maintenance:
    "The host is disabled and marked so that other tools, XenCenter included, know that somebody works on it.",
  "may I reboot":
    "Computed all the time from live facts: safe, safe once you acknowledge named points, unsafe, or unknown. Unknown is never painted green.",
  "native HA":
    "The HA built into XAPI. Hosts exchange heartbeats over the network and a shared SR; a host that loses them resets itself, and its protected VMs start elsewhere.",
  "HA-Lizard":
    "An add-on that watches the pool from outside XAPI. It has its own switch, kept in the pool's other-config.",
  "heartbeat SR":
    "Shared storage where every host writes a sign of life. It holds the statefile and needs at least 356 MiB of free room.",
  statefile:
    "The small disk on the heartbeat SR through which hosts see each other without the network.",
  "HA timeout":
    "How long a host may be silent before the others take it for lost, and it resets itself.",
  "failures to tolerate":
    "How many hosts may be lost at once while every VM set to restart still finds a place. XAPI plans for it and refuses what would break the plan.",
  "plan exists for": "How many host failures XAPI's plan can cover at this moment.",
  overcommitted:
    "More failures were asked for than the remaining memory can cover. Some protected VMs would stay off.",
  agile:
    "An agile VM can start on any host of the pool: all its disks and networks are shared and no device ties it to one machine.",
  treatment: "What native HA does with this VM when its host is lost.",
  restart:
    "Started again on another host, planned for in advance. Native HA only accepts agile VMs.",
  "best-effort":
    "Started again only if there happens to be room, twice at most. Nothing is reserved.",
  unprotected: "Stays off until somebody starts it.",
  order:
    "VMs with a lower number start first. VMs with the same number start together. 0 is the first.",
  delay: "Seconds to wait after starting this VM before the next order begins.",
  evacuate: "Move every running VM to other hosts by live migration, without stopping it.",
  "hand over":
    "Make another host the coordinator before this one goes away. Takes a minute; VMs keep running.",
  fingerprint:
    "A short digest of the host's certificate. If it matches what the host itself prints, nobody sits in between.",
  SR: "Storage repository: where disks of VMs live. Shared ones are reachable from every host.",
  PBD: "The plug between one host and one SR. Unplugged means this host cannot reach the storage.",
  "replicated storage":
    "Storage that copies itself between hosts (DRBD, iSCSI-HA, XOSTOR). Rebooting one copy while the other is behind loses data. Its state is not read by this version.",
  toolstack:
    "XAPI and its companions. Restarting it does not stop VMs, but with native HA on the host may reset itself.",
  verdict: "The pool's state in one word, with the reasons. Only live facts can make it green.",
  "demo pool":
    "A pool of simulated hosts on this machine. The management service is simulated; the console talks to it as it would to a real pool.",
  "heartbeat view":
    "How many of the other hosts and heartbeat SRs this host says it can see right now.",
} as const;

export type Term = keyof typeof glossary;
