import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Rollout } from "../../main/install/run.ts";
import { setStage } from "./stage.ts";
import type { StagePlan } from "./stage.ts";

/* A console that can be killed: runs one roll-out and writes its view after every change. */
const input = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as StagePlan;
const stage = await setStage(input, () => write());
const options = { runId: randomUUID(), dryRun: false, signal: new AbortController().signal };
const rollout = new Rollout(stage.plan, stage.ports, options);
const write = (): void => void process.stdout.write(`${JSON.stringify(rollout.view())}\n`);
await rollout.run();
write();
stage.close();
