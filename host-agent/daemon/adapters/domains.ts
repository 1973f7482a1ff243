import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import type { Domain, Settings } from "../../core/input.ts";
import type { Feed, Prober } from "../ports.ts";
import { repeat } from "./xapi.ts";

/* Which domains run, from the hypervisor's own tool: XAPI is not asked, so it may hang or lie. */

export interface DomainsOptions {
  readonly settings: () => Settings;
  readonly feed: Feed;
  /** A file that stands in for the hypervisor's list on a host without Xen, in trials only. */
  readonly standInFile: string | null;
  readonly xl?: string;
}

const xlTimeoutMs = 5_000;
const xlPath = "/usr/sbin:/usr/bin:/sbin:/bin:/opt/xensource/bin";

export function scanDomains(options: DomainsOptions): Prober {
  const { standInFile, feed } = options;
  const list =
    standInFile === null
      ? (): Promise<string> => runXl(options.xl ?? "xl")
      : (): Promise<string> => readFile(standInFile, "utf8");
  const parse = standInFile === null ? parseXlList : parseStandIn;
  return repeat(
    () => options.settings().domainScanIntervalMs,
    async () => {
      try {
        feed({ type: "DomainsListed", domains: parse(await list()) });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        feed({ type: "DomainsUnknown", reason });
      }
    },
  );
}

function runXl(xl: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(
      xl,
      ["list", "-v"],
      {
        timeout: xlTimeoutMs,
        killSignal: "SIGKILL",
        maxBuffer: 4 * 1_048_576,
        env: { PATH: xlPath, LC_ALL: "C" },
      },
      (error, stdout) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`xl list failed: ${error.message.split("\n")[0] ?? ""}`));
      },
    );
  });
}

/**
 * Name, id, memory, VCPUs, state letters, seconds, uuid; a name may hold anything but a line end.
 */
const row = /^(.*?)\s+(\d+)\s+(\d+)\s+(\d+)\s+([a-z-]{6})\s+([\d.]+)\s+([0-9a-f-]{36})(?:\s|$)/;

const letters: Readonly<Record<string, string>> = {
  r: "running",
  b: "running",
  p: "paused",
  s: "shut down",
  c: "crashed",
  d: "dying",
};

/** Throws when the list has no header: then it is no list. */
export function parseXlList(text: string): readonly Domain[] {
  const [header = "", ...rows] = text.split("\n");
  if (!/^Name\s+ID\s/.test(header)) throw new Error("xl list gave no list");
  return rows.flatMap((line): Domain[] => {
    const found = row.exec(line);
    const [, name = "", id, , , flags = "", , vm = ""] = found ?? [];
    if (found === null || id === "0") return [];
    // The worst letter that is set: one may be blocked and dying at once.
    const letter = ["d", "c", "s", "p", "r", "b"].find((each) => flags.includes(each));
    const shown = name === "" || name === "(null)" ? null : name;
    return [{ vm, name: shown, state: letters[letter ?? "b"] ?? "running" }];
  });
}

/** `{domains: [{vmUuid, paused, incomingFor, goesDownAtMs}]}`, as a virtual host keeps it. */
function parseStandIn(text: string): readonly Domain[] {
  const stored = JSON.parse(text) as { domains?: unknown };
  if (!Array.isArray(stored.domains)) throw new Error("the stand-in file has no list of domains");
  return stored.domains.flatMap((entry: unknown): Domain[] => {
    if (typeof entry !== "object" || entry === null) return [];
    const { vmUuid, name, paused } = entry as Record<string, unknown>;
    if (typeof vmUuid !== "string") return [];
    const shown = typeof name === "string" ? name : null;
    return [{ vm: vmUuid, name: shown, state: paused === true ? "paused" : "running" }];
  });
}
