/** Builds a node: lives come and go with `start` and `stop`, the disk and the guests stay. */
import { callModules } from "./calls/all.ts";
import { coreModules } from "./core/core-modules.ts";
import { announceStop } from "./core/host-calls.ts";
import { never } from "./core/guard.ts";
import { handleHttp } from "./core/http.ts";
import { Life } from "./core/life.ts";
import { answerPeer } from "./core/peer-server.ts";
import { replyOf } from "./core/peers.ts";
import { readRole } from "./core/pool-conf.ts";
import { startUp } from "./core/startup.ts";
import type { NodeInspection, NodeOptions, XapiNode } from "./node.ts";

function atRest(options: NodeOptions): NodeInspection {
  return {
    role: readRole(options.ports.disk).type,
    phase: "stopped",
    emergencyReason: null,
    coordinatorAddress: "",
    databaseGeneration: 0,
    sessions: 0,
    localSessions: 0,
    objects: 0,
    fuseLit: false,
  };
}

export function createNode(options: NodeOptions): XapiNode {
  let life: Life | null = null;
  const running = (): Life | null => (life === null || life.ended ? null : life);
  return {
    start() {
      if (running() !== null) return;
      const started = new Life(options, (made) => [...coreModules(made), ...callModules]);
      life = started;
      void startUp(started);
    },
    async stop({ clean }) {
      const stopped = running();
      if (stopped === null) return;
      if (clean) {
        await announceStop(stopped).catch(() => {});
        stopped.saveDatabase();
      }
      stopped.end();
    },
    async handle(request) {
      const current = running();
      return current === null ? await never() : await handleHttp(current, request);
    },
    async handlePeer(request) {
      const current = running();
      if (current === null) return await never();
      const reply = await replyOf(() => answerPeer(current, request));
      return current.ended ? await never() : reply;
    },
    inspect: () => running()?.inspect() ?? atRest(options),
  };
}
