import { createSocket } from "node:dgram";
import { readFileSync, statSync } from "node:fs";
import { heardAnswerSchema } from "../../contract/verbs.ts";
import type { SelfTestAnswer } from "../../contract/verbs.ts";
import { realClock } from "../adapters/clock.ts";
import { probeWritable } from "../adapters/journal-file.ts";
import { readRole } from "../adapters/xapi.ts";
import { callXapi } from "../adapters/xapi-client.ts";
import type { CommandLine } from "../command-line.ts";
import { askAgent } from "../control-client.ts";
import { parseKey, readHostFile } from "../host-file.ts";
import type { CheckedHostFile } from "../host-file.ts";
import { readBootId } from "../layout.ts";
import { firewallState, portOf } from "./firewall.ts";
import { answer } from "./output.ts";

type Check = SelfTestAnswer["checks"][number];

const xapiTimeoutMs = 600;

/**
 * Everything that has to hold for this host to be heard, each on its own; answers within a second.
 */
export async function selfTest(line: CommandLine): Promise<number> {
  const hostFile = readHostFile(line.layout.hostFile);
  const groups = await Promise.all([
    checkPaths(hostFile),
    checkPeers(line),
    checkXapi(line),
    checkFirewall(line),
  ]);
  const files = [checkHost(hostFile), checkKey(line), checkJournal(line), checkClock(line)];
  const checks = [...files, ...groups.flat()];
  const ok = checks.every(({ state }) => state !== "failed");
  const sentences = checks.map(({ name, state, sentence }) => `${state}  ${name}: ${sentence}`);
  answer(line.isJson, { ok, checks } satisfies SelfTestAnswer, sentences);
  return ok ? 0 : 1;
}

function passed(name: string, sentence: string): Check {
  return { name, state: "passed", sentence };
}

function failed(name: string, sentence: string): Check {
  return { name, state: "failed", sentence };
}

function skipped(name: string, sentence: string): Check {
  return { name, state: "skipped", sentence };
}

function checkHost(hostFile: CheckedHostFile): Check {
  switch (hostFile.status) {
    case "valid": {
      const { host, peers, paths } = hostFile.hostFile;
      return passed("host file", `${host.name}, ${peers.length} peers, ${paths.length} paths.`);
    }
    case "absent":
      return failed("host file", "It is not there; the console writes it.");
    case "invalid":
      return failed("host file", `${hostFile.problems.join("; ")}.`);
  }
}

function checkKey({ layout }: CommandLine): Check {
  const name = "pool key";
  try {
    if (parseKey(readFileSync(layout.keyFile, "utf8")) === null) {
      return failed(name, "The file holds no key of 32 bytes in hex.");
    }
    const mode = statSync(layout.keyFile).mode & 0o777;
    if ((mode & 0o077) !== 0) return failed(name, "Others than root can read it.");
    return passed(name, "It is there, for root alone.");
  } catch {
    return failed(name, "It cannot be read; the console writes it.");
  }
}

function checkJournal({ layout }: CommandLine): Check {
  const trouble = probeWritable(layout.journal);
  if (trouble === "absent") return skipped("journal", "The first start makes its folder.");
  if (trouble === null) return passed("journal", "Its folder can be written to.");
  return failed("journal", `${trouble}.`);
}

function checkClock({ layout }: CommandLine): Check {
  const clock = realClock();
  const before = clock.monoMs();
  const isRising = clock.monoMs() >= before && before > 0;
  if (!isRising) return failed("clock", "The monotonic clock went back.");
  return passed("clock", `Monotonic, in boot ${readBootId(layout)}.`);
}

async function checkPaths(hostFile: CheckedHostFile): Promise<readonly Check[]> {
  if (hostFile.status !== "valid") return [skipped("paths", "Without a host file there are none.")];
  return Promise.all(
    hostFile.hostFile.paths.map(async ({ name, localAddress }) => {
      const trouble = await bindTrouble(localAddress);
      if (trouble === null) return passed(`path ${name}`, `${localAddress} is on this host.`);
      return failed(`path ${name}`, `${localAddress} cannot be bound: ${trouble}.`);
    }),
  );
}

/** Binds another port of the address: the agent's own may be in use by the agent. */
function bindTrouble(address: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4" });
    socket.on("error", (error) => resolve(error.message));
    socket.bind({ address, port: 0 }, () => socket.close(() => resolve(null)));
  });
}

async function checkPeers({ layout }: CommandLine): Promise<readonly Check[]> {
  const asked = await askAgent(layout.controlSocket, { type: "heard" });
  if (asked.status === "absent") return [skipped("agent", "It is not running.")];
  if (asked.status === "failed") return [failed("agent", asked.sentence)];
  const heard = heardAnswerSchema.parse(asked.value);
  const rows = heard.paths.map(({ peerName, path, state }) => {
    const name = `${peerName} on ${path}`;
    return state === "heard" ? passed(name, "It is heard.") : failed(name, `It is ${state}.`);
  });
  return [passed("agent", `${heard.version} answers.`), ...rows];
}

async function checkXapi({ layout, xapiSocket }: CommandLine): Promise<readonly Check[]> {
  const { role } = readRole(layout.poolConf);
  const roleCheck =
    role === "unknown"
      ? skipped("role", `${layout.poolConf} names none.`)
      : passed("role", `This host is ${role}.`);
  const answered = await callXapi({
    socket: xapiSocket,
    method: "session.slave_local_login_with_password",
    params: ["root", ""],
    timeoutMs: xapiTimeoutMs,
  });
  switch (answered.status) {
    case "answered":
      await callXapi({
        socket: xapiSocket,
        method: "session.local_logout",
        params: [answered.result],
        timeoutMs: 200,
      });
      return [roleCheck, passed("XAPI", "It answers on its socket.")];
    case "refused":
      return [roleCheck, passed("XAPI", `It answers, with ${answered.code}.`)];
    case "failed":
      return [roleCheck, failed("XAPI", `${answered.reason}.`)];
  }
}

async function checkFirewall(line: CommandLine): Promise<readonly Check[]> {
  const { rule } = await firewallState(line.layout, portOf(line));
  switch (rule) {
    case "present":
      return [passed("firewall", "The rule is present.")];
    case "absent":
      return [failed("firewall", "The rule is absent; `skink firewall add` makes it.")];
    case "unmanaged":
      return [skipped("firewall", "This host has no iptables to ask.")];
  }
}
