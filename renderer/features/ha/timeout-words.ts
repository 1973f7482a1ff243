/** How XAPI derives its timers from the HA timeout (xapi_ha.ml), and what follows from them. */
export interface HaTiming {
  readonly heartbeatEveryS: number;
  readonly statefileEveryS: number;
  /** a silent host is lost to the others, and resets itself */
  readonly silentForS: number;
  /** the survivors wait until a lost host surely has reset */
  readonly fenceWaitS: number;
  /** earliest and latest first start of a lost supporter's VMs, counted from its silence */
  readonly restartFromS: number;
  readonly restartToS: number;
}

export const timeoutSMin = 10;
export const timeoutSMax = 600;
export const timeoutSDefault = 60;

/** What is used of a number that is still being typed. */
export const clampTimeoutS = (typedS: number): number =>
  Math.min(timeoutSMax, Math.max(timeoutSMin, Math.round(typedS)));

const statefileExtraS = 15;
const fenceWaitSMin = 10;
const monitorEveryS = 20;

export const haTiming = (timeoutS: number): HaTiming => {
  const heartbeatEveryS = Math.min(Math.floor((timeoutS + 10) / 10), 3);
  const statefileEveryS = Math.max(2, Math.floor(timeoutS / 20));
  const fenceWaitS = Math.max(
    fenceWaitSMin,
    statefileExtraS + Math.max(heartbeatEveryS, statefileEveryS),
  );
  return {
    heartbeatEveryS,
    statefileEveryS,
    silentForS: timeoutS,
    fenceWaitS,
    restartFromS: timeoutS + fenceWaitS,
    restartToS: timeoutS + fenceWaitS + monitorEveryS + 2,
  };
};

export const timeoutSentences = (timeoutS: number): readonly string[] => {
  const timing = haTiming(timeoutS);
  return [
    `Hosts beat every ${timing.heartbeatEveryS} s on the network and every ${timing.statefileEveryS} s on the heartbeat SR.`,
    `A host that is silent for ${timing.silentForS} s resets itself, with every VM on it.`,
    `VMs of a lost supporter start elsewhere about ${timing.restartFromS} to ${timing.restartToS} s after it fell silent; those of a lost coordinator a minute later.`,
  ];
};

/** What speaks against a timeout, or null. */
export const timeoutWarning = (timeoutS: number): string | null => {
  if (timeoutS < 30) {
    return `Short: storage or a switch that stalls for ${timeoutS} s resets healthy hosts.`;
  }
  if (timeoutS > 180)
    return "Long: VMs of a lost host stay off for minutes before anything starts.";
  return null;
};
