import type { Engine } from "../../../main/contract/pool.ts";

/** What protects the pool, as a short claim that stays true whatever the reasons say. */
export const engineTitle = (engine: Engine): string => {
  switch (engine.engine) {
    case "native-ha":
      return "Native HA";
    case "ha-lizard":
      return "HA-Lizard";
    case "none":
      return "Nothing";
    case "unknown":
      return "Unknown";
  }
};

/** One sentence on what that means when a host is lost. */
export const engineMeaning = (engine: Engine): string => {
  switch (engine.engine) {
    case "native-ha":
      return engine.nativeHa.overcommitted
        ? "XAPI restarts protected VMs elsewhere, but there is not room for all of them."
        : "XAPI restarts the VMs set to restart on other hosts when a host is lost.";
    case "ha-lizard":
      return "HA-Lizard restarts VMs by its own settings. Its state is read, not judged, by this version.";
    case "none":
      return "When a host is lost, its VMs stay off until somebody starts them.";
    case "unknown":
      return "It cannot be said what happens when a host is lost.";
  }
};
