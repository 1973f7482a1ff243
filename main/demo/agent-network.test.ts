import { createSocket, type Socket } from "node:dgram";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openAgentNetwork, type AgentNetwork, type AgentPlace } from "./agent-network.ts";
import { hasLoopbackRange } from "./addresses.ts";

const isRangeThere = await hasLoopbackRange();
const patienceMs = 2_000;
const net = 1 + (process.pid % 250);

let network: AgentNetwork;
let sockets: Socket[] = [];
const cut = new Set<string>();

/** A socket where the agent of a host would be, on one path. */
async function agentOn(place: AgentPlace, path: string): Promise<Agent> {
  const at = place.paths.find(({ name }) => name === path);
  const socket = createSocket("udp4");
  sockets.push(socket);
  await new Promise<void>((resolve) =>
    socket.bind({ address: at?.localAddress ?? "", port: place.udpPort }, resolve),
  );
  const heard: string[] = [];
  socket.on("message", (text) => heard.push(text.toString()));
  return { socket, heard };
}

interface Agent {
  readonly socket: Socket;
  readonly heard: string[];
}

function say(from: Agent, to: AgentPlace, path: string, text: string): void {
  const end = to.paths.find(({ name }) => name === path)?.peerEndpoint;
  from.socket.send(text, end?.port ?? 0, end?.host ?? "");
}

beforeEach(async () => {
  cut.clear();
  network = await openAgentNetwork(
    [
      { name: "management", addresses: [1, 2, 3].map((host) => `127.79.${net}.${host}`) },
      { name: "storage", addresses: [1, 2, 3].map((host) => `127.79.${net}.${128 + host}`) },
    ],
    (from, to) => !cut.has(`${from}>${to}`),
  );
});
afterEach(async () => {
  await Promise.all(
    sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))),
  );
  sockets = [];
  await network.close();
});

describe.runIf(isRangeThere)("cables between agents", () => {
  it("carry what one agent says to the other, on the path it was said on", async () => {
    const [a, b] = network.places;
    if (a === undefined || b === undefined) throw new Error("two places are wanted");
    const from = await agentOn(a, "storage");
    const [storage, management] = [await agentOn(b, "storage"), await agentOn(b, "management")];
    say(from, b, "storage", "one");
    await expect.poll(() => storage.heard, { timeout: patienceMs }).toEqual(["one"]);
    expect(management.heard).toEqual([]);
  });

  it("are cut in one direction alone, and heal", async () => {
    const [a, b] = network.places;
    if (a === undefined || b === undefined) throw new Error("two places are wanted");
    const [near, far] = [await agentOn(a, "management"), await agentOn(b, "management")];
    cut.add("0>1");
    say(near, b, "management", "lost");
    say(far, a, "management", "back");
    await expect.poll(() => near.heard, { timeout: patienceMs }).toEqual(["back"]);
    cut.clear();
    say(near, b, "management", "healed");
    await expect.poll(() => far.heard, { timeout: patienceMs }).toEqual(["healed"]);
  });

  it("carry nothing of a stranger, nor of a host on the wrong path", async () => {
    const [a, b, c] = network.places;
    if (a === undefined || b === undefined || c === undefined) throw new Error("three are wanted");
    const to = await agentOn(b, "management");
    const stranger: Agent = { socket: createSocket("udp4"), heard: [] };
    sockets.push(stranger.socket);
    say(stranger, b, "management", "stranger");
    say(await agentOn(a, "storage"), b, "management", "other path");
    say(await agentOn(c, "management"), b, "management", "last");
    await expect.poll(() => to.heard, { timeout: patienceMs }).toEqual(["last"]);
  });

  it("know whose address it is", () => {
    expect(network.find(`127.79.${net}.130`)).toEqual({ host: 1, path: "storage" });
    expect(network.find("127.0.0.1")).toBeNull();
  });
});

it("hosts that share one address are told apart by their ports", async () => {
  const shared = await openAgentNetwork(
    [{ name: "management", addresses: ["127.0.0.1", "127.0.0.1"] }],
    () => true,
  );
  const [a, b] = shared.places;
  if (a === undefined || b === undefined) throw new Error("two places are wanted");
  const [from, to] = [await agentOn(a, "management"), await agentOn(b, "management")];
  say(from, b, "management", "one");
  await expect.poll(() => to.heard, { timeout: patienceMs }).toEqual(["one"]);
  await shared.close();
});
