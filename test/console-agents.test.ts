import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createConsole } from "../main/console/console.ts";
import type { ConsoleBackend } from "../main/console/console.ts";
import type { AgentHost, AgentsItem } from "../main/contract/agents.ts";
import type { RolloutRun } from "../main/contract/install.ts";
import type { JournalState, Lane, TimelineItem } from "../main/contract/timeline.ts";
import { createDemoControl } from "../main/demo/demo-control.ts";
import { startDemoPool } from "../main/demo/demo-pool.ts";
import type { DemoPool } from "../main/demo/demo-pool.ts";
import type { DemoControl } from "../main/console/ports.ts";
import { memorySecrets, memoryState } from "../main/shells/memory-stores.ts";
import { systemClock } from "../main/shells/system-clock.ts";
import { memoryPipePair } from "../main/shells/transport/memory-pipe.ts";
import { openWindow } from "./console-window.ts";
import type { Window } from "./console-window.ts";
import { makeRelease } from "./rollout/release.ts";
import { quickTiming } from "./rollout/stage.ts";

/*
 * The whole way of a person: connect, look, install, cut a network, read what happened, settings,
 * remove. Real console, real SSH, real agents on the hosts of the demo.
 */

let pool: DemoPool;
let control: DemoControl;
let backend: ConsoleBackend;
let window: Window;
let folder = "";
let poolId = "";
const hosts = new Map<string, AgentHost>();
let run: RolloutRun | null = null;
const lanes = new Map<string, Lane>();
const items = new Map<string, TimelineItem>();
let journals: readonly JournalState[] = [];

async function until<T>(what: string, ask: () => T | null | false, limitMs = 30_000): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const found = ask();
    if (found !== null && found !== false) return found;
    if (performance.now() > endMs) throw new Error(`it did not come: ${what}; ${shown()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function shown(): string {
  const rows = [...hosts.values()].map(({ hostName, link, installed }) => ({
    hostName,
    link,
    installed,
  }));
  const phases = run?.hosts.map((host) =>
    host.phases.map(({ id, state, sentence }) => ({ id, state, sentence })),
  );
  return JSON.stringify({ rows, status: run?.status, error: run?.error, phases }, null, 1);
}

function takeAgents(item: AgentsItem): void {
  if (item.kind === "snapshot") hosts.clear();
  else for (const uuid of item.removeUuids) hosts.delete(uuid);
  for (const host of item.hosts) hosts.set(host.hostUuid, host);
  if (item.run !== undefined) run = item.run;
}

const ended = (runId: string): RolloutRun | null =>
  run?.runId === runId && run.endedAtMs !== null ? run : null;
const itemsOf = (type: string): readonly TimelineItem[] =>
  [...items.values()].filter((item) => item.type === type);

describe.runIf(process.platform === "linux")(
  "agents through the console",
  { timeout: 90_000 },
  () => {
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), "skink-console-agents-"));
      const bundle = makeRelease(folder, "1.0.0");
      pool = await startDemoPool({ preset: "two", timing: "fast" });
      control = createDemoControl({ timing: "fast", running: pool });
      backend = createConsole({
        clock: systemClock,
        secrets: memorySecrets(),
        store: memoryState(),
        demo: control,
        shell: "memory",
        owner: "ana@jump-host",
        agents: { bundle, timing: quickTiming },
      });
      const [inner, outer] = memoryPipePair();
      backend.accept(inner);
      window = openWindow(outer);
      ({ poolId } = await window.ask("demo.start", { preset: "two" }));
      window.watch("agents.watch", { poolId }, takeAgents);
      window.watch("timeline.watch", { poolId }, (chunk) => {
        if (chunk.kind === "snapshot") items.clear();
        for (const lane of chunk.lanes) lanes.set(lane.id, lane);
        for (const item of chunk.items) items.set(item.id, item);
        if (chunk.journals !== undefined) journals = chunk.journals;
      });
    }, 90_000);
    afterAll(async () => {
      await backend?.stop();
      await pool?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    it("logs in to every host and finds nothing installed", async () => {
      await until("both hosts are connected and bare", () => {
        const all = [...hosts.values()];
        return (
          all.length === 2 &&
          all.every(
            ({ link, installed }) => link.state === "connected" && installed.state === "absent",
          )
        );
      });
      const { hosts: keys } = await window.ask("ssh.look", { poolId });
      expect(keys.map(({ state }) => state)).toEqual(["trusted", "trusted"]);
    });

    it("refuses to install what was not looked at", async () => {
      const input = { poolId, dryRun: false, acknowledgedIds: [] };
      await expect(window.ask("agents.install", input)).rejects.toThrow(/preflight-needed/u);
    });

    it("installs after the preflight was read and acknowledged", async () => {
      const report = await window.ask("agents.preflight", { poolId });
      expect(report.verdict).not.toBe("failed");
      const ids = report.hosts[0]?.findings.map(({ id }) => id);
      expect(ids).toEqual(
        expect.arrayContaining(["root", "glibc", "clock", "udp-port", "native-ha", "drbd"]),
      );
      const { runId } = await window.ask("agents.install", {
        poolId,
        dryRun: false,
        acknowledgedIds: report.acknowledgeIds,
      });
      const done = await until("the install ends", () => ended(runId), 60_000);
      expect(done).toMatchObject({ status: "done", error: null });
      await until("both agents are seen observing", () =>
        [...hosts.values()].every(
          ({ status, isStale }) =>
            !isStale &&
            status?.state === "observing" &&
            status.paths.every(({ state }) => state === "heard"),
        ),
      );
    });

    it("says where XAPI and the agents agree", async () => {
      const agreements = await until("both witnesses speak", () => {
        const all = [...hosts.values()].flatMap((host) => host.agreements);
        const known = all.filter(({ what, agrees }) => what !== "running-vms" && agrees !== null);
        return known.length === 4 ? known : null;
      });
      expect(agreements.map(({ agrees }) => agrees)).toEqual([true, true, true, true]);
    });

    it("shows a cut network as a span that ends with the heal, in the words of the agent", async () => {
      const [first, second] = pool.hosts;
      await window.ask("demo.break", { action: "cut-link", from: second!.name, to: first!.name });
      await window.ask("demo.break", { action: "cut-link", from: first!.name, to: second!.name });
      const suspected = await until(
        "a host is suspected",
        () => itemsOf("HostSuspected")[0] ?? null,
        15_000,
      );
      expect(suspected.text).toMatch(/is suspected: silent on/u);
      expect(suspected.inputs.length).toBeGreaterThan(0);
      await window.ask("demo.break", {
        action: "restore-link",
        from: second!.name,
        to: first!.name,
      });
      await window.ask("demo.break", {
        action: "restore-link",
        from: first!.name,
        to: second!.name,
      });
      await until("the suspicion ends", () => itemsOf("HostHeardAgain").length > 0, 15_000);
      const span = itemsOf("HostSuspected").find(({ kind }) => kind === "span");
      expect(span).toMatchObject({ kind: "span", tone: "bad" });
      await until("its span is closed", () =>
        itemsOf("HostSuspected").some(
          (one) => one.kind === "span" && one.toMs !== null && one.toMs > one.atMs,
        ),
      );
      expect([...lanes.values()].some(({ kind }) => kind === "path")).toBe(true);
      expect(journals.every(({ clockOffsetMs }) => clockOffsetMs !== null)).toBe(true);
      const lines = [...items.values()].filter(
        ({ kind, source }) => kind === "instant" && source === "journal",
      );
      expect(new Set(lines.map(({ hostUuid, seq }) => `${hostUuid}:${seq}`)).size).toBe(
        lines.length,
      );
    });

    it("writes settings that both agents then follow, and keeps what was before", async () => {
      const before = await window.ask("agents.settings", { poolId });
      const values = { ...before.current, suspectAfterMissedBeats: 8 };
      const preview = await window.ask("agents.previewSettings", { poolId, values });
      expect(preview.problems).toEqual([]);
      expect(preview.changes[0]?.consequence).toMatch(/suspected after 4\.0 s/u);
      const expectedRevision = before.revision;
      const { revision } = await window.ask("agents.applySettings", {
        poolId,
        expectedRevision,
        values,
      });
      const again = window.ask("agents.applySettings", { poolId, expectedRevision, values });
      await expect(again).rejects.toThrow(/settings-changed/u);
      await until("no host drifts", () =>
        [...hosts.values()].every(
          ({ drift }) => drift.state === "same" && drift.hostRevision === revision,
        ),
      );
      const after = await window.ask("agents.settings", { poolId });
      expect(after.history[0]).toMatchObject({
        revision: expectedRevision,
        owner: "ana@jump-host",
      });
    });

    it("exports lines of JSON and a page that needs nothing else", async () => {
      const lines = await window.ask("timeline.export", { poolId, format: "jsonl" });
      const rows = lines.text
        .trim()
        .split("\n")
        .map((row) => JSON.parse(row) as { kind: string });
      expect(rows.length).toBe(lines.itemCount + 1);
      const page = await window.ask("timeline.export", { poolId, format: "html" });
      expect(page.text).toContain("is suspected: silent on");
      expect(page.text).not.toMatch(/<script|https?:\/\//u);
    });

    it("removes everything again", async () => {
      const { runId } = await window.ask("agents.remove", { poolId, dryRun: false });
      const done = await until("the removal ends", () => ended(runId), 60_000);
      expect(done).toMatchObject({ status: "done", error: null });
      await until("the hosts are bare", () =>
        [...hosts.values()].every(({ installed }) => installed.state === "absent"),
      );
    });

    it("never let a secret cross to the window", () => {
      const traffic = window.traffic.join("\n");
      expect(traffic).not.toContain(pool.password);
      expect(traffic).not.toMatch(/"(?:poolKey|password|privateKey)":/u);
    });
  },
);
