import { consoleApi, type ApiName } from "../../main/contract/console-api.ts";
import { consoleErrorSchema, type ConsoleError } from "../../main/contract/errors.ts";
import { clientFrameSchema, type Pipe, type ServerFrame } from "../../main/contract/frames.ts";
import type { PoolFactsItem } from "../../main/contract/pool.ts";
import { agentAnswers } from "./agents-maker.ts";
import type { Scenario } from "./scenarios.ts";

/**
 * A backend for looking at the window alone. It answers from a scenario, and every word it says is
 * held against the contract's own schemas, so that it cannot drift from the real one unnoticed.
 */
export interface FakeBackend {
  accept(pipe: Pipe): void;
  /** a further item for whoever watches the pool */
  push(item: PoolFactsItem): void;
  /** every command that came in, in order */
  readonly commands: { readonly name: string; readonly input: unknown }[];
  /** cuts every pipe and refuses new ones until `comeBack` */
  goAway(): void;
  comeBack(): void;
  readonly isAway: () => boolean;
}

type Answer = { readonly value: unknown } | { readonly error: ConsoleError } | null;

const refusing = (error: ConsoleError): Answer => ({ error: consoleErrorSchema.parse(error) });

const isError = (value: object): value is ConsoleError => "sentence" in value && "code" in value;

const answerOr = (value: object | null): Answer => {
  if (value === null) return null;
  return isError(value) ? refusing(value) : { value };
};

const answerTo = (scenario: Scenario, name: ApiName): Answer => {
  switch (name) {
    case "console.hello":
      return {
        value: {
          version: "0.1.0",
          shell: "memory",
          capabilities: { rememberPasswords: true, demo: scenario.hasDemo },
        },
      };
    case "pools.probe":
      return answerOr(scenario.probe);
    case "pools.connect":
      return scenario.connectError === null
        ? { value: { poolId: "p1" } }
        : refusing(scenario.connectError);
    case "demo.start":
      return { value: { poolId: "p1" } };
    case "ha.heartbeatSrs":
      return answerOr(scenario.heartbeatSrs);
    case "ha.tolerance":
      return {
        value: {
          maxFailuresToTolerate: 1,
          sentence: "With 1 host lost, every VM set to Restart still finds memory.",
        },
      };
    case "reboot.plan":
      return answerOr(scenario.plan);
    case "reboot.start":
      return { value: { runId: "run-1" } };
    case "vms.setProtection":
      return scenario.writeError === null
        ? { value: { written: 1 } }
        : refusing(scenario.writeError);
    case "pools.reconnect":
    case "pools.disconnect":
    case "pools.forget":
    case "pools.acceptCertificate":
    case "ha.enable":
    case "ha.disable":
    case "reboot.stop":
    case "reboot.dismiss":
    case "demo.stop":
    case "demo.break":
      return { value: {} };
    case "ssh.look":
    case "agents.preflight":
    case "agents.settings":
    case "agents.previewSettings":
    case "timeline.export":
      return answerOr(agentAnswers(scenario.agents)[name]);
    case "agents.run":
      return { value: { run: scenario.agents.snapshot.run } };
    case "agents.install":
    case "agents.upgrade":
    case "agents.rollback":
    case "agents.remove":
      return { value: { runId: "rollout-1" } };
    case "agents.applySettings":
      return { value: { revision: 4 } };
    case "ssh.trust":
    case "ssh.login":
    case "ssh.forget":
    case "agents.stopRun":
    case "agents.dismissRun":
      return { value: {} };
    case "pools.watch":
    case "pool.watch":
    case "demo.watch":
    case "agents.watch":
    case "timeline.watch":
      return null;
  }
};

const asItems = (item: object | null): readonly object[] => (item === null ? [] : [item]);

const firstItems = (scenario: Scenario, name: ApiName): readonly object[] => {
  if (name === "pools.watch") return [{ pools: scenario.pools }];
  if (name === "pool.watch") return asItems(scenario.snapshot);
  if (name === "agents.watch") return [scenario.agents.snapshot];
  if (name === "timeline.watch") return scenario.timeline;
  return name === "demo.watch" ? asItems(scenario.demo) : [];
};

const isApiName = (name: string): name is ApiName => Object.hasOwn(consoleApi, name);

export const createFakeBackend = (scenario: Scenario): FakeBackend => {
  const pipes = new Set<Pipe>();
  const watchers = new Map<Pipe, Set<number>>();
  const commands: { name: string; input: unknown }[] = [];
  let away = false;

  const send = (pipe: Pipe, frame: ServerFrame): void => pipe.send(JSON.stringify(frame));
  const pushTo = (pipe: Pipe, id: number, item: PoolFactsItem): void =>
    send(pipe, { kind: "item", id, value: consoleApi["pool.watch"].output.parse(item) });
  const push = (item: PoolFactsItem): void => {
    for (const [pipe, ids] of watchers) for (const id of ids) pushTo(pipe, id, item);
  };

  const serve = (pipe: Pipe, id: number, asked: { name: ApiName; input: unknown }): void => {
    const row = consoleApi[asked.name];
    const input: unknown = row.input.parse(asked.input);
    if (row.kind === "stream") {
      if (asked.name === "pool.watch") watchers.get(pipe)?.add(id);
      for (const item of firstItems(scenario, asked.name)) {
        send(pipe, { kind: "item", id, value: row.output.parse(item) });
      }
      return;
    }
    if (row.kind === "command") commands.push({ name: asked.name, input });
    const answer = answerTo(scenario, asked.name);
    if (answer === null) return;
    if ("error" in answer) {
      send(pipe, { kind: "refused", id, error: answer.error });
      return;
    }
    send(pipe, { kind: "reply", id, value: row.output.parse(answer.value) });
    if (asked.name === "vms.setProtection" && scenario.onWrite !== undefined) {
      push(scenario.onWrite(consoleApi["vms.setProtection"].input.parse(input)));
    }
  };

  return {
    commands,
    push,
    isAway: () => away,
    accept(pipe) {
      pipes.add(pipe);
      watchers.set(pipe, new Set());
      pipe.onText((text) => {
        const frame = clientFrameSchema.parse(JSON.parse(text));
        if (frame.kind === "cancel") {
          watchers.get(pipe)?.delete(frame.id);
          return;
        }
        if (!isApiName(frame.name)) throw new Error(`${frame.name} is not in the contract`);
        serve(pipe, frame.id, { name: frame.name, input: frame.input });
      });
      pipe.onClose(() => {
        pipes.delete(pipe);
        watchers.delete(pipe);
      });
    },
    goAway() {
      away = true;
      for (const pipe of pipes) pipe.close();
    },
    comeBack() {
      away = false;
    },
  };
};
