import { createServer, type Socket } from "node:net";
import { rmSync } from "node:fs";
import { removeLabFolders } from "./cgroups.ts";
import { LabHost } from "./host.ts";
import { applyCuts, openRoom, type Cut } from "./network.ts";
import { labPaths, operatorLink } from "./paths.ts";
import { findHost, readPlan, Refusal } from "./plan.ts";
import type { LabReply, LabRequest, LabState } from "./requests.ts";
import { script } from "./run.ts";

/*
 * The process that is the lab. It runs first in namespaces of its own for mounts and processes, so
 * that the kernel takes everything away with it, however it ends. Orders come over a socket.
 */

const name = process.argv[2] ?? "";
const paths = labPaths(name);
const plan = readPlan(paths);
const hosts: readonly LabHost[] = plan.hosts.map(
  (planned) =>
    new LabHost(planned, { plan, paths }, (uuid) => {
      void hosts.find((host) => host.planned.uuid === uuid)?.powerOn();
    }),
);
let cuts: readonly Cut[] = [];

function hostNamed(wanted: string): LabHost {
  const { id } = findHost(plan, wanted);
  return hosts.find((host) => host.planned.id === id)!;
}

function state(): LabState {
  return {
    hosts: hosts.map((host) => ({
      id: host.planned.id,
      state: host.state,
      isXapiHung: host.isXapiHung,
      boots: host.boots,
    })),
    cuts,
  };
}

/** The directions an order speaks of. Without a second host: to and from everybody. */
function directions(order: Extract<LabRequest, { verb: "cut" | "heal" }>): readonly Cut[] {
  const a = order.a === null ? null : findHost(plan, order.a).id;
  const b = order.b === null ? null : findHost(plan, order.b).id;
  if (a !== null && a === b) throw new Refusal("A host has no link to itself.");
  return order.networks.flatMap((network) => [
    { from: a, to: b, network },
    ...(order.oneWay ? [] : [{ from: b, to: a, network }]),
  ]);
}

function isSame(one: Cut, other: Cut): boolean {
  return one.from === other.from && one.to === other.to && one.network === other.network;
}

async function changeCuts(order: Extract<LabRequest, { verb: "cut" | "heal" }>): Promise<void> {
  const meant = directions(order);
  const others = cuts.filter((cut) => !meant.some((each) => isSame(each, cut)));
  const isEverything = order.verb === "heal" && order.a === null;
  const next = order.verb === "cut" ? [...others, ...meant] : isEverything ? [] : others;
  await applyCuts(next);
  cuts = next;
}

async function obey(order: LabRequest): Promise<void> {
  switch (order.verb) {
    case "status":
    case "down":
      return;
    case "power-off":
      return hostNamed(order.host).powerOff();
    case "power-on":
      return hostNamed(order.host).powerOn();
    case "hang":
      return hostNamed(order.host).hang();
    case "resume":
      return hostNamed(order.host).resume();
    case "xapi-hang":
      return signalXapi(order.host, "SIGSTOP");
    case "xapi-resume":
      return signalXapi(order.host, "SIGCONT");
    case "xapi-kill":
      return signalXapi(order.host, "SIGKILL");
    case "cut":
    case "heal":
      return changeCuts(order);
  }
}

function signalXapi(wanted: string, signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): void {
  if (hostNamed(wanted).signalXapi(signal) > 0) return;
  throw new Refusal(`No XAPI runs on ${wanted}.`);
}

async function end(): Promise<void> {
  await Promise.all(hosts.map((host) => host.powerOff()));
  removeLabFolders(plan.name);
  rmSync(paths.controlSocket, { force: true });
  process.exit(0);
}

async function answer(socket: Socket, line: string): Promise<void> {
  let reply: LabReply;
  const order = JSON.parse(line) as LabRequest;
  try {
    await obey(order);
    reply = { status: "done", state: state() };
  } catch (error) {
    const sentence = error instanceof Error ? error.message : String(error);
    reply = { status: "refused", sentence };
  }
  socket.end(`${JSON.stringify(reply)}\n`);
  if (order.verb === "down") await end();
}

function listen(): void {
  const server = createServer((socket) => {
    let text = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (part: Buffer) => {
      text += part.toString();
      const lineEnd = text.indexOf("\n");
      if (lineEnd !== -1) void answer(socket, text.slice(0, lineEnd));
    });
  });
  server.listen(paths.controlSocket);
}

process.on("SIGTERM", () => void end());
process.on("SIGINT", () => void end());

// The programs used here leave traces in /run; in this namespace it is the lab's own.
await script(`mount -t tmpfs lab-run /run`);
await openRoom(plan, operatorLink(plan.name));
await applyCuts(cuts);
for (const host of hosts) await host.build();
await Promise.all(hosts.map((host) => host.powerOn()));
listen();
