/*
 * What this program is. The build puts the version of the bundle in place of the name below;
 * sources that run unbuilt say so.
 */
declare const SKINK_AGENT_VERSION: string | undefined;

export const agentVersion =
  typeof SKINK_AGENT_VERSION === "string" ? SKINK_AGENT_VERSION : "0.0.0-source";

/** Version of the datagrams between agents; agents one apart understand each other. */
export const protocolVersion = 1;
