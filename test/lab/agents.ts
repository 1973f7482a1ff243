import { randomBytes, randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { ensureAgent, type AgentRelease } from "../../build/agent-bundle.ts";
import type { AgentStatus } from "../../host-agent/contract/control.ts";
import type { JournalLine } from "../../host-agent/contract/journal.ts";
import type { HostFile } from "../../host-agent/contract/settings.ts";
import type { HeardAnswer, StateAnswer } from "../../host-agent/contract/verbs.ts";
import type { Lab, LabHost, Ran } from "./lab-client.ts";

/* Agents on lab hosts, put there with nothing but OpenSSH and the program's own verbs. */

const repository = fileURLToPath(new URL("../..", import.meta.url));
const udpPort = 7694;

export const skink = "/opt/skink/current/skink";

export function buildAgent(): AgentRelease {
  return ensureAgent(repository, (sentence) => void process.stderr.write(`${sentence}\n`));
}

/** Runs a command that has to succeed. */
export async function mustRun(lab: Lab, host: LabHost, command: string): Promise<string> {
  const ran = await lab.ssh(host.id, command);
  return said(ran, `${host.name}: ${command}`);
}

function said(ran: Ran, what: string): string {
  if (ran.code === 0) return ran.output;
  throw new Error(`${what} ended with ${ran.code}: ${ran.errors}${ran.output}`);
}

/** Puts the agent on every host and starts it as the service it is. */
export async function installAgents(lab: Lab, release: AgentRelease): Promise<void> {
  const key = randomBytes(32).toString("hex");
  const poolUuid = randomUUID();
  for (const host of lab.hosts) {
    const upload = "cat > skink-upload && chmod 700 skink-upload";
    const program = { file: `${repository}dist/agent/skink` };
    said(await lab.ssh(host.id, upload, { input: program, timeoutMs: 60_000 }), upload);
    const put = `put-release --from skink-upload --version '${release.version}' --sha256 ${release.sha256}`;
    await mustRun(lab, host, `./skink-upload ${put}`);
    await mustRun(
      lab,
      host,
      `/opt/skink/releases/'${release.version}'/skink link '${release.version}'`,
    );
    said(await lab.ssh(host.id, `${skink} write-key`, { input: key }), "write-key");
    const hostFile = JSON.stringify(hostFileOf(lab, host, poolUuid));
    said(
      await lab.ssh(host.id, `${skink} write-host-file`, { input: hostFile }),
      "write-host-file",
    );
    await mustRun(lab, host, `${skink} firewall add && ${skink} unit write`);
    await mustRun(lab, host, `${skink} unit enable && ${skink} unit start`);
  }
}

function hostFileOf(lab: Lab, host: LabHost, poolUuid: string): HostFile {
  const others = lab.hosts.filter(({ id }) => id !== host.id);
  return {
    v: 1,
    poolUuid,
    host: { uuid: host.uuid, name: host.name },
    udpPort,
    paths: [
      { name: "management", localAddress: host.managementAddress },
      { name: "storage", localAddress: host.storageAddress },
    ],
    peers: others.map((peer) => ({
      uuid: peer.uuid,
      name: peer.name,
      addresses: {
        management: { address: peer.managementAddress, port: udpPort },
        storage: { address: peer.storageAddress, port: udpPort },
      },
    })),
  };
}

async function ask<T>(lab: Lab, host: LabHost, verb: string): Promise<T> {
  return JSON.parse(await mustRun(lab, host, `${skink} ${verb} --json`)) as T;
}

export const statusOf = (lab: Lab, host: LabHost): Promise<AgentStatus> => ask(lab, host, "status");
export const heardBy = (lab: Lab, host: LabHost): Promise<HeardAnswer> => ask(lab, host, "heard");
export const stateOf = (lab: Lab, host: LabHost): Promise<StateAnswer> => ask(lab, host, "state");

export async function journalOf(lab: Lab, host: LabHost): Promise<readonly JournalLine[]> {
  const output = await mustRun(lab, host, `${skink} journal --json`);
  const lines = output.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as JournalLine);
}
