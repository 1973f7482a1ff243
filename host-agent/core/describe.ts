import type { JournalEvent, LeaveKind } from "./journal-event.ts";
import { count, list, plain, span } from "./words.ts";

/*
 * The only printer: one sentence per event, in the log, on the command line, on the timeline. A
 * host is live, suspected, fenced or held; its silence is never called more than silence.
 */

/** Names for uuids; a uuid without a name stands for itself. */
export type Names = Readonly<Record<string, string>>;

const leaves: Readonly<Record<LeaveKind, string>> = {
  reboot: "reboots on purpose",
  shutdown: "shuts down on purpose",
  "agent-stop": "stops its agent on purpose",
};

export function describe(event: JournalEvent, names: Names): string {
  switch (event.type) {
    case "AgentStarted":
    case "AgentStopped":
    case "AgentStalled":
    case "LeaveAnnounced":
    case "JournalGap":
      return describeAgent(event);
    case "PathHeard":
    case "PathSilent":
    case "PathHeardAgain":
    case "PathOneWay":
    case "PathBothWays":
    case "BeatsRefused":
      return describePath(event, names);
    case "HostSuspected":
    case "HostHeardAgain":
    case "PeerRebooted":
    case "PeerLeaving":
    case "ClockOffsetChanged":
      return describeHost(event, names);
    case "XapiSilent":
    case "XapiAnswered":
    case "RoleChanged":
    case "DomainAppeared":
    case "DomainGone":
    case "SettingsApplied":
    case "SettingsRefused":
      return describeSurroundings(event);
  }
}

type Of<Type extends JournalEvent["type"]> = Extract<JournalEvent, { type: Type }>;

function describeAgent(
  event: Of<"AgentStarted" | "AgentStopped" | "AgentStalled" | "LeaveAnnounced" | "JournalGap">,
): string {
  switch (event.type) {
    case "AgentStarted": {
      const ends = {
        first: "for the first time on this host",
        clean: "after a clean stop",
        unclean: "after an end without a stop",
      };
      const revision = event.settingsRevision;
      const how = ends[event.previousEnd];
      return `Agent ${event.version} started ${how}, with settings revision ${revision}.`;
    }
    case "AgentStopped":
      return event.reason === "asked"
        ? "Agent stopped when asked to."
        : "Agent stopped with the host.";
    case "AgentStalled":
      return `This agent itself did not run for ${span(event.stalledMs)}; that time counts as nobody's silence.`;
    case "LeaveAnnounced":
      return `This host ${leaves[event.how]} and tells its peers.`;
    case "JournalGap":
      return `${count(event.lostLines, "line", "lines")} before this one could not be kept: ${event.reason}.`;
  }
}

function describePath(
  event: Of<
    "PathHeard" | "PathSilent" | "PathHeardAgain" | "PathOneWay" | "PathBothWays" | "BeatsRefused"
  >,
  names: Names,
): string {
  if (event.type === "BeatsRefused") {
    const counts = Object.keys(event.counts)
      .toSorted()
      .map((reason) => `${event.counts[reason]} ${refusalWords[reason] ?? reason}`);
    return `Datagrams refused on path ${event.path}: ${list(counts)}.`;
  }
  const host = nameOf(event.peer, names);
  const { path } = event;
  switch (event.type) {
    case "PathHeard":
      return `${host} is heard on path ${path}.`;
    case "PathSilent": {
      const missed = count(event.missedBeats, "beat", "beats");
      return `${host} is silent on path ${path} for ${span(event.silentMs)}: ${missed} missed.`;
    }
    case "PathHeardAgain":
      return `${host} is heard again on path ${path} after ${span(event.silentMs)}.`;
    case "PathOneWay":
      return `${host} is heard on path ${path} but says that it does not hear this host there.`;
    case "PathBothWays":
      return `${host} hears this host on path ${path} again after ${span(event.oneWayMs)}.`;
  }
}

/** Words for the reasons that the heartbeat adapter gives. */
const refusalWords: Readonly<Record<string, string>> = {
  "wrong-key": "not signed with the pool's key",
  "wrong-pool": "of another pool",
  "wrong-path": "of another path",
  "wrong-target": "meant for another host",
  "unknown-sender": "from a host that is not in the host file",
  reflected: "of this host itself, sent back",
  "old-sequence": "heard before or out of order",
  "older-boot": "of an earlier start of the sender",
  unproven: "without a round trip",
  protocol: "of another protocol version",
  malformed: "not readable",
  "too-long": "too long",
};

function describeHost(
  event: Of<
    "HostSuspected" | "HostHeardAgain" | "PeerRebooted" | "PeerLeaving" | "ClockOffsetChanged"
  >,
  names: Names,
): string {
  const host = nameOf(event.peer, names);
  switch (event.type) {
    case "HostSuspected": {
      const paths = count(event.pathsSilent.length, "path", "paths");
      const seers = event.coordinatorSeenBy.map((uuid) => nameOf(uuid, names));
      const by =
        seers.length === 0
          ? "No host that is heard hears a coordinator."
          : `The coordinator is heard by ${list(seers)}.`;
      const after = span(event.suspectAfterMs);
      return `${host} is suspected: silent on ${paths} for ${span(event.silentMs)}, limit ${after}. ${by}`;
    }
    case "HostHeardAgain": {
      const boot = event.sameBoot ? "in the same boot" : "after a reboot";
      return `${host} is live again ${boot}, heard after ${span(event.silentMs)}.`;
    }
    case "PeerRebooted":
      return event.announced
        ? `${host} has rebooted, as it had announced.`
        : `${host} has rebooted without announcing it.`;
    case "PeerLeaving":
      return `${host} ${leaves[event.how]}; its silence is expected for a while.`;
    case "ClockOffsetChanged": {
      const side = event.offsetMs >= 0 ? "ahead of" : "behind";
      const offset = span(Math.abs(event.offsetMs));
      return `The clock of ${host} is ${offset} ${side} this host's, give or take ${plain(event.uncertaintyMs)} ms.`;
    }
  }
}

function describeSurroundings(
  event: Of<
    | "XapiSilent"
    | "XapiAnswered"
    | "RoleChanged"
    | "DomainAppeared"
    | "DomainGone"
    | "SettingsApplied"
    | "SettingsRefused"
  >,
): string {
  switch (event.type) {
    case "XapiSilent":
      return `XAPI of this host has not answered for ${span(event.silentMs)}.`;
    case "XapiAnswered":
      return `XAPI of this host answers again after ${span(event.silentMs)}.`;
    case "RoleChanged":
      return describeRole(event);
    case "DomainAppeared":
      return `VM ${event.vmName ?? event.vm} runs on this host.`;
    case "DomainGone":
      return `VM ${event.vmName ?? event.vm} no longer runs on this host.`;
    case "SettingsApplied":
      return `Settings revision ${event.revision} in force: ${list(event.changes)}.`;
    case "SettingsRefused": {
      const which = event.revision === null ? "Settings" : `Settings revision ${event.revision}`;
      return `${which} refused, revision ${event.keptRevision} stays: ${list(event.problems)}.`;
    }
  }
}

function describeRole(event: Of<"RoleChanged">): string {
  switch (event.role) {
    case "coordinator":
      return "This host is the pool's coordinator.";
    case "supporter":
      return `This host is a supporter of ${event.coordinatorAddress ?? "an unnamed coordinator"}.`;
    case "unknown":
      return "The role of this host in the pool is not known.";
  }
}

function nameOf(uuid: string, names: Names): string {
  return names[uuid] ?? uuid;
}
