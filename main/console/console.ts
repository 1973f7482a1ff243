import type { ApiName, NameOfKind } from "../contract/console-api.ts";
import type { DemoState } from "../contract/demo.ts";
import type { Pipe } from "../contract/frames.ts";
import { servePipe } from "./dispatch.ts";
import type { Handlers } from "./dispatch.ts";
import { Pools } from "./pools.ts";
import type { PoolAgents } from "./agents/pool-agents.ts";
import type { ConsolePorts, DemoControl } from "./ports.ts";
import { problem } from "./problem.ts";
import { latestValue } from "./streams.ts";
import { describePoolError } from "./xapi/errors.ts";
import { noNames } from "./xapi/names.ts";
import { linkTiming } from "./xapi/timing.ts";
import type { LinkTiming } from "./xapi/timing.ts";

export interface ConsoleBackend {
  /** Serves a window until its pipe closes; the shell has checked who is at the other end. */
  accept(pipe: Pipe): void;
  /** Ends all calls and connections; sessions at the pools are logged out. */
  stop(): Promise<void>;
}

const consoleVersion = "0.1.0";

/** The whole backend. It connects by itself to pools whose password is kept. */
export function createConsole(
  ports: ConsolePorts,
  timing: LinkTiming = linkTiming,
): ConsoleBackend {
  const pools = new Pools(ports, timing);
  const handlers: Handlers = {
    ...aboutConsole(ports),
    ...aboutPools(pools),
    ...aboutOnePool(pools),
    ...aboutAgents(pools),
    ...aboutDemo(pools, ports.demo),
  };
  const closers = new Set<() => void>();
  return {
    accept(pipe) {
      const close = servePipe(pipe, {
        handlers,
        describeError: (error) => describePoolError(error, noNames),
        onUnexpected: warn,
        onClosed: () => closers.delete(close),
      });
      closers.add(close);
    },
    async stop() {
      for (const close of closers) close();
      closers.clear();
      await pools.stop();
    },
  };
}

function warn(name: string, error: unknown): void {
  process.emitWarning(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : ""}`);
}

type Rows<N extends ApiName> = Pick<Handlers, N>;
type NamesUnder<Prefix extends string> = Extract<ApiName, `${Prefix}.${string}`>;

/** Commands without data answer with an empty object once they were accepted. */
const nothing = (): Record<string, never> => ({});

function aboutConsole(ports: ConsolePorts): Rows<"console.hello"> {
  return {
    "console.hello": () =>
      Promise.resolve({
        version: consoleVersion,
        shell: ports.shell,
        capabilities: {
          rememberPasswords: ports.secrets.persistent,
          demo: ports.demo !== null,
        },
      }),
  };
}

function aboutPools(pools: Pools): Rows<NamesUnder<"pools">> {
  return {
    "pools.watch": () =>
      latestValue(
        (listener) => pools.onChange(listener),
        () => ({ pools: pools.list() }),
      ),
    "pools.probe": ({ address }) => pools.probe(address),
    "pools.connect": (input) => pools.connect(input),
    "pools.reconnect": ({ poolId, password }) => pools.reconnect(poolId, password).then(nothing),
    "pools.disconnect": ({ poolId }) => pools.disconnect(poolId).then(nothing),
    "pools.forget": ({ poolId }) => pools.forget(poolId).then(nothing),
    "pools.acceptCertificate": (input) => pools.acceptCertificate(input).then(nothing),
  };
}

function aboutOnePool(pools: Pools): Rows<NamesUnder<"pool" | "vms" | "ha" | "reboot">> {
  return {
    "pool.watch": ({ poolId }) => pools.get(poolId).facts.open(),
    "vms.setProtection": async ({ poolId, changes }) => pools.get(poolId).ha.setProtection(changes),
    "ha.heartbeatSrs": async ({ poolId }) => pools.get(poolId).ha.heartbeatSrs(),
    "ha.tolerance": async ({ poolId, treatments }) => pools.get(poolId).ha.tolerance(treatments),
    "ha.enable": async ({ poolId, ...input }) => pools.get(poolId).ha.enable(input).then(nothing),
    "ha.disable": async ({ poolId }) => pools.get(poolId).ha.disable().then(nothing),
    "reboot.plan": async ({ poolId, ...input }) => pools.get(poolId).reboots.plan(input),
    "reboot.start": async ({ poolId, ...input }) => pools.get(poolId).reboots.start(input),
    "reboot.stop": async ({ poolId, runId }) => {
      pools.get(poolId).reboots.stop(runId);
      return {};
    },
    "reboot.dismiss": async ({ poolId, runId }) => {
      pools.get(poolId).reboots.dismiss(runId);
      return {};
    },
  };
}

function aboutAgents(pools: Pools): Rows<NamesUnder<"ssh" | "agents" | "timeline">> {
  const of = (poolId: string): PoolAgents => pools.get(poolId).agents;
  return {
    "ssh.look": async ({ poolId }) => of(poolId).look(),
    "ssh.trust": async ({ poolId, ...input }) => of(poolId).trust(input).then(nothing),
    "ssh.login": async ({ poolId, ...input }) => of(poolId).setLogin(input).then(nothing),
    "ssh.forget": async ({ poolId }) => of(poolId).forgetLogin().then(nothing),
    "agents.watch": ({ poolId }) => of(poolId).watch(),
    "agents.preflight": async ({ poolId, hostUuids }) => of(poolId).preflight(hostUuids),
    "agents.install": async ({ poolId, ...input }) => of(poolId).install(input),
    "agents.upgrade": async ({ poolId, ...input }) => of(poolId).upgrade(input),
    "agents.rollback": async ({ poolId, ...input }) => of(poolId).rollback(input),
    "agents.remove": async ({ poolId, ...input }) => of(poolId).remove(input),
    "agents.stopRun": async ({ poolId, runId }) => {
      of(poolId).stopRun(runId);
      return {};
    },
    "agents.dismissRun": async ({ poolId, runId }) => {
      of(poolId).dismissRun(runId);
      return {};
    },
    "agents.run": async ({ poolId }) => ({ run: of(poolId).run() }),
    "agents.settings": async ({ poolId }) => of(poolId).settings(),
    "agents.previewSettings": async ({ poolId, values }) => of(poolId).preview(values),
    "agents.applySettings": async ({ poolId, ...input }) => of(poolId).applySettings(input),
    "timeline.watch": (input) => of(input.poolId).timeline.watch(input),
    "timeline.export": async (input) => of(input.poolId).timeline.export(input),
  };
}

const noDemo: DemoState = {
  status: "off",
  sentence: "This console has no demo pool.",
  hosts: [],
  cutLinks: [],
};

/** The demo rejects with a sentence. */
function demoFailed(error: unknown): never {
  throw problem(
    "demo-failed",
    error instanceof Error ? error.message : "The demo pool failed.",
    "Stop the demo pool and start it again.",
  );
}

function aboutDemo(
  pools: Pools,
  demo: DemoControl | null,
): Rows<Extract<NameOfKind<"stream" | "command">, `demo.${string}`>> {
  const needed = (): DemoControl => {
    if (demo !== null) return demo;
    throw problem(
      "no-demo",
      "This console has no demo pool.",
      "Start Skink with npm run demo to get one.",
    );
  };
  return {
    "demo.watch": () => (wake) => {
      let state: DemoState | null = noDemo;
      const stop = demo?.watch((next) => {
        state = next;
        wake();
      });
      return {
        take() {
          const item = state;
          state = null;
          return item;
        },
        close: () => stop?.(),
      };
    },
    "demo.start": async ({ preset }) =>
      pools.connectDemo(await needed().start(preset).catch(demoFailed)),
    "demo.stop": async () => {
      const control = needed();
      await pools.disconnectDemo();
      await control.stop();
      return {};
    },
    "demo.break": async (action) => {
      await needed().act(action).catch(demoFailed);
      return {};
    },
  };
}
