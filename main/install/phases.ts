import { heardAnswerSchema, versionAnswerSchema } from "../../host-agent/contract/verbs.ts";
import { agentStatusSchema } from "../../host-agent/contract/control.ts";
import type { HeardAnswer } from "../../host-agent/contract/verbs.ts";
import { HostFailure, isLoss } from "./shell.ts";
import type { Release } from "./bundle.ts";
import type { Phase, PhaseContext } from "./phase.ts";

/* The phases of all kinds of roll-outs. */

const hex = (context: PhaseContext): Release => {
  if (context.release !== null) return context.release;
  throw new Error("a run without a release has no phase that sends one");
};

async function hasRelease({ host, version, release }: PhaseContext): Promise<boolean> {
  const path = host.paths.release(version);
  const found = await host.shell.stat(path);
  if (found === null) return false;
  return release === null || (await host.look("hash", path)).startsWith(`${release.sha256} `);
}

async function send(context: PhaseContext): Promise<number> {
  const { host, onBytes, signal } = context;
  const { sha256, packed } = hex(context);
  const { shell, paths } = host;
  await shell.makeFolder(paths.at("/opt/skink"), 0o755);
  await shell.makeFolder(paths.upload, 0o700);
  const path = `${paths.uploaded(sha256)}.gz`;
  const { resumedFrom } = await shell.upload({
    content: packed,
    path,
    onProgress: onBytes,
    signal,
  });
  return resumedFrom;
}

export const upload: Phase = {
  id: "upload",
  title: "Send the agent",
  undoSentence: "What was sent is removed.",
  async look(context) {
    const { host, version } = context;
    const { sha256, packed } = hex(context);
    if (await hasRelease(context)) {
      return { isNeeded: false, sentence: `Agent ${version} is on this host already.` };
    }
    if ((await host.shell.stat(host.paths.uploaded(sha256))) !== null) {
      return { isNeeded: false, sentence: "It was sent already." };
    }
    return { isNeeded: true, sentence: `Send ${(packed.length / 1e6).toFixed(1)} MB, compressed.` };
  },
  async run(context) {
    const resumedFrom = await send(context);
    const size = (hex(context).packed.length / 1e6).toFixed(1);
    return resumedFrom === 0
      ? `Sent ${size} MB.`
      : `Sent ${size} MB, of which ${(resumedFrom / 1e6).toFixed(1)} MB were there already.`;
  },
  async undo({ host, release, before }) {
    const { shell, paths } = host;
    if (release !== null) {
      await shell.removeFile(`${paths.uploaded(release.sha256)}.gz`);
      await shell.removeFile(paths.uploaded(release.sha256));
    }
    await shell.removeFolder(paths.upload);
    if (!before.folders.includes("/opt/skink")) await shell.removeFolder(paths.at("/opt/skink"));
  },
};

async function unpackAndHash(context: PhaseContext): Promise<string> {
  const { host } = context;
  const path = host.paths.uploaded(hex(context).sha256);
  if ((await host.shell.stat(`${path}.gz`)) !== null) await host.look("unpack", `${path}.gz`);
  return (await host.look("hash", path)).slice(0, 64);
}

export const verify: Phase = {
  id: "verify",
  title: "Check its SHA-256 on the host",
  undoSentence: null,
  async look(context) {
    if (await hasRelease(context)) {
      return { isNeeded: false, sentence: "The release on this host has the right SHA-256." };
    }
    return { isNeeded: true, sentence: "Compare its SHA-256 with the signed one." };
  },
  async run(context) {
    const { host } = context;
    const { sha256 } = hex(context);
    const path = host.paths.uploaded(sha256);
    let found = await unpackAndHash(context).catch((error: unknown) => {
      // A file that cannot be unpacked is one that is not what was sent.
      if (error instanceof HostFailure && error.code === "wrong-answer") return "";
      throw error;
    });
    if (found !== sha256) {
      await host.shell.removeFile(`${path}.gz`);
      await host.shell.removeFile(path);
      await send(context);
      found = await unpackAndHash(context);
    }
    if (found !== sha256) {
      throw new HostFailure(
        "wrong-hash",
        `What arrived on “${host.name}” is not what was signed, twice. It was not run.`,
        "Look at the disk and the network of the host.",
      );
    }
    return "It is the signed file.";
  },
};

export const putRelease: Phase = {
  id: "release",
  title: "Put the release in its folder",
  undoSentence: "The release is removed.",
  async look(context) {
    const isThere = await hasRelease(context);
    return isThere
      ? { isNeeded: false, sentence: `Release ${context.version} is in its folder.` }
      : { isNeeded: true, sentence: `Put release ${context.version} in its folder.` };
  },
  async run(context) {
    const { host, version } = context;
    const { sha256 } = hex(context);
    const file = host.paths.uploaded(sha256);
    await host.shell.setMode(file, 0o700);
    const said = await host.verb(versionAnswerSchema, host.command(file, "version"));
    const answer = await host.act(file, "putRelease", file, version, sha256);
    await host.shell.removeFolder(host.paths.upload);
    return `${answer.sentence} It runs here (${said.platform}).`;
  },
  async undo({ host, version, before }) {
    const { shell, paths } = host;
    const program = paths.release(version);
    const isThere = (await shell.stat(program)) !== null;
    // A host that had nothing gets everything removed by the program itself, which knows its
    // places.
    if (before.isBare && isThere) await host.act(program, "removeAll");
    if (!before.hadRelease) {
      const folder = program.slice(0, -"/skink".length);
      for (const one of [folder, `${folder}.partial`]) {
        await shell.removeFile(`${one}/skink`);
        await shell.removeFolder(one);
      }
    }
    for (const folder of ["/opt/skink/releases", "/opt/skink"]) {
      if (!before.folders.includes(folder)) await shell.removeFolder(paths.at(folder));
    }
  },
};

export const hostFile: Phase = {
  id: "host-file",
  title: "Write which peers it watches",
  undoSentence: "The host file from before is put back.",
  async look({ host, target }) {
    const found = await host.shell.readFile(host.paths.at("/etc/skink/host.json"));
    const isSame = found !== null && sameJson(found.toString("utf8"), target.hostFileText);
    return isSame
      ? { isNeeded: false, sentence: "The host file is right." }
      : { isNeeded: true, sentence: "Write the addresses of its peers on each path." };
  },
  async run(context) {
    const { host, target, version } = context;
    return (await host.tell(host.paths.release(version), "writeHostFile", target.hostFileText))
      .sentence;
  },
  async undo({ host, version, before }) {
    const { shell, paths } = host;
    if (before.hostFileText === null) await shell.removeFile(paths.at("/etc/skink/host.json"));
    else await host.tell(paths.release(version), "writeHostFile", before.hostFileText);
    if (!before.folders.includes("/etc/skink")) await shell.removeFolder(paths.at("/etc/skink"));
  },
};

export const poolKey: Phase = {
  id: "key",
  title: "Write the pool's key",
  undoSentence: "The key is removed.",
  async look({ host, target }) {
    const found = await host.shell.readFile(host.paths.at("/etc/skink/pool.key"));
    const isSame = found?.toString("ascii").trim() === target.poolKey;
    return isSame
      ? { isNeeded: false, sentence: "The host holds the pool's key." }
      : { isNeeded: true, sentence: "Write the key that heartbeats are signed with." };
  },
  async run({ host, target, version }) {
    return (await host.tell(host.paths.release(version), "writeKey", target.poolKey)).sentence;
  },
  async undo({ host, before }) {
    const { shell, paths } = host;
    if (!before.hadKey) await shell.removeFile(paths.at("/etc/skink/pool.key"));
    if (!before.folders.includes("/etc/skink")) await shell.removeFolder(paths.at("/etc/skink"));
  },
};

export const firewall: Phase = {
  id: "firewall",
  title: "Open its UDP port",
  undoSentence: "The firewall rule is removed.",
  async look({ host, target, before }) {
    return before.hadFirewallRule
      ? { isNeeded: false, sentence: `UDP port ${target.udpPort} is open for it.` }
      : {
          isNeeded: true,
          sentence: `Add one rule for UDP port ${target.udpPort} on ${host.name}.`,
        };
  },
  async run({ host, target, version }) {
    const program = host.paths.release(version);
    return (await host.act(program, "firewallAdd", String(target.udpPort))).sentence;
  },
  async undo({ host, version, before }) {
    // On a host that had nothing the release's undo removes the rule, once a full disk has room.
    if (before.hadFirewallRule || before.isBare) return;
    const program = host.paths.release(version);
    if ((await host.shell.stat(program)) !== null) await host.act(program, "firewallRemove");
  },
};

export const stop: Phase = {
  id: "stop",
  title: "Stop the agent",
  undoSentence: "The agent from before is started again.",
  async look(context) {
    const { before, version } = context;
    if (!before.wasRunning) return { isNeeded: false, sentence: "The agent does not run." };
    if (before.current === version && !(await hostFile.look(context)).isNeeded) {
      return { isNeeded: false, sentence: "The agent that runs can stay." };
    }
    return { isNeeded: true, sentence: "Stop the agent; its peers are told that it leaves." };
  },
  async run({ host }) {
    return (await host.act(host.paths.current, "unitStop")).sentence;
  },
  async undo({ host, before }) {
    if (before.wasRunning) await host.act(host.paths.current, "unitStart");
  },
};

async function isCurrent({ host, version }: PhaseContext): Promise<boolean> {
  const link = await host.shell.readLink(host.paths.at("/opt/skink/current"));
  return link?.split("/").at(-1) === version;
}

export const link: Phase = {
  id: "link",
  title: "Make the release current",
  undoSentence: "The release from before is current again.",
  async look(context) {
    const { version, before } = context;
    return (await isCurrent(context))
      ? { isNeeded: false, sentence: `Release ${version} is current.` }
      : { isNeeded: true, sentence: `Switch from ${before.current ?? "none"} to ${version}.` };
  },
  async run({ host, version }) {
    return (await host.act(host.paths.release(version), "link", version)).sentence;
  },
  async undo({ host, before }) {
    await putBack(host.shell, host.paths.at("/opt/skink/current"), before.current);
    await putBack(host.shell, host.paths.at("/opt/skink/previous"), before.previous);
  },
};

async function putBack(
  shell: PhaseContext["host"]["shell"],
  path: string,
  version: string | null,
): Promise<void> {
  const now = (await shell.readLink(path))?.split("/").at(-1) ?? null;
  if (now === version) return;
  if (version === null) await shell.removeFile(path);
  else await shell.putLink(path, `releases/${version}`);
}

export const unit: Phase = {
  id: "unit",
  title: "Let systemd start it",
  undoSentence: "The unit is removed.",
  async look({ before }) {
    return before.hadUnit
      ? { isNeeded: true, sentence: "Bring the unit up to date." }
      : { isNeeded: true, sentence: "Write and enable the unit skink.service." };
  },
  async run({ host, version }) {
    const program = host.paths.release(version);
    const written = await host.act(program, "unitWrite");
    const enabled = await host.act(program, "unitEnable");
    return `${written.sentence} ${enabled.sentence}`;
  },
  async undo({ host, version, before }) {
    if (before.hadUnit) return;
    const program = host.paths.release(version);
    if ((await host.shell.stat(program)) !== null) await host.act(program, "unitRemove");
  },
};

export const start: Phase = {
  id: "start",
  title: "Start the agent",
  undoSentence: "The agent is stopped.",
  look: () =>
    Promise.resolve({ isNeeded: true, sentence: "Start it; it observes, and acts on nothing." }),
  async run({ host, version }) {
    return (await host.act(host.paths.release(version), "unitStart")).sentence;
  },
  async undo({ host, version }) {
    const { shell, paths } = host;
    if ((await shell.stat(paths.at("/etc/systemd/system/skink.service"))) === null) return;
    const program = paths.release(version);
    if ((await shell.stat(program)) !== null) await host.act(program, "unitStop");
  },
};

export const heard: Phase = {
  id: "heard",
  title: "Wait until it hears every peer on every path",
  undoSentence: null,
  look: () =>
    Promise.resolve({ isNeeded: true, sentence: "Wait until all hosts hear each other." }),
  async run(context) {
    const { timing, host } = context;
    const last = await untilHeard(context, timing.heardMs);
    if (last?.isComplete === true)
      return `It hears ${last.paths.length} of ${last.paths.length} paths.`;
    const missing = last?.paths.filter(({ state }) => state !== "heard") ?? [];
    const words = missing.map(({ peerName, path, state }) => `“${peerName}” on ${path} (${state})`);
    throw new HostFailure(
      "not-heard",
      last === null
        ? `The agent on “${host.name}” does not answer.`
        : `“${host.name}” does not hear ${words.join(", ")}.`,
      "Look at the firewall of both hosts, and whether UDP passes between them.",
    );
  },
};

async function untilHeard(context: PhaseContext, timeoutMs: number): Promise<HeardAnswer | null> {
  const { host, wait, monotonicMs, timing, signal } = context;
  const endMs = monotonicMs() + timeoutMs;
  const command = host.command(host.paths.current, "heard");
  let last: HeardAnswer | null = null;
  do {
    try {
      last = await host.verb(heardAnswerSchema, command);
      if (last.isComplete) return last;
    } catch (error) {
      // Not running yet is what is waited for; a lost connection is not.
      if (isLoss(error)) throw error;
    }
    if (signal.aborted) return last;
    await wait(timing.pollMs);
  } while (monotonicMs() < endMs);
  return last;
}

/** How often in a row a question may go wrong before the new agent counts as ill. */
const badAnswersMax = 3;

export const healthy: Phase = {
  id: "healthy",
  title: "Watch the new agent",
  undoSentence: null,
  look({ timing, target }) {
    const ms = target.isCanary ? timing.canaryWatchMs : timing.watchMs;
    const what = target.isCanary ? "as the first host" : "before the next host";
    return Promise.resolve({ isNeeded: true, sentence: `Watch it for ${ms / 1_000} s, ${what}.` });
  },
  async run(context) {
    const { host, timing, target, wait, monotonicMs, version } = context;
    await heard.run(context);
    const endMs = monotonicMs() + (target.isCanary ? timing.canaryWatchMs : timing.watchMs);
    const command = host.command(host.paths.current, "status");
    let bad = 0;
    let boot: number | null = null;
    while (monotonicMs() < endMs) {
      const trouble = await host
        .verb(agentStatusSchema, command)
        .then((status) => {
          const restarted = boot !== null && status.startedAtMs !== boot;
          boot = status.startedAtMs;
          return illness(status, { version, restarted });
        })
        .catch((error: unknown) => {
          if (isLoss(error)) throw error;
          return error instanceof Error ? error.message : "It does not answer.";
        });
      bad = trouble === null ? 0 : bad + 1;
      if (trouble !== null && bad >= badAnswersMax) {
        throw new HostFailure(
          "not-healthy",
          `The new agent on “${host.name}” is not well: ${trouble}`,
          "The release from before runs again; look at its journal.",
        );
      }
      await wait(timing.pollMs);
    }
    return "It stayed well and heard all its peers.";
  },
};

function illness(
  status: ReturnType<typeof agentStatusSchema.parse>,
  { version, restarted }: { readonly version: string; readonly restarted: boolean },
): string | null {
  if (status.version !== version) return `It is version ${status.version}, not ${version}.`;
  if (restarted) return "It was started again.";
  if (!status.journal.writable) return status.journal.sentence;
  const silent = status.paths.filter(({ state }) => state !== "heard").length;
  return silent === 0 ? null : `It does not hear ${silent} of ${status.paths.length} paths.`;
}

export const removeAll: Phase = {
  id: "remove",
  title: "Remove everything of Skink",
  undoSentence: null,
  async look({ before }) {
    return before.isBare && !before.hadUnit
      ? { isNeeded: false, sentence: "Nothing of Skink is on this host." }
      : { isNeeded: true, sentence: "Stop the agent, then remove its files, key, unit and rule." };
  },
  async run(context) {
    const { host, before } = context;
    const { shell, paths } = host;
    const programs = [paths.current, ...(await releasesOf(context))];
    for (const program of programs) {
      if ((await shell.stat(program)) === null) continue;
      return (await host.act(program, "removeAll")).sentence;
    }
    // No program is left to do it: an install that was cut off early wrote these two folders only.
    await clearUploads(context);
    for (const folder of before.folders.toReversed()) await shell.removeFolder(paths.at(folder));
    return "What was left of an install was removed.";
  },
};

async function releasesOf({ host }: PhaseContext): Promise<readonly string[]> {
  const names = await host.shell.list(host.paths.at("/opt/skink/releases"));
  const versions = names.filter((name) => /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/u.test(name));
  return versions
    .filter((name) => !name.endsWith(".partial"))
    .map((name) => host.paths.release(name));
}

async function clearUploads({ host }: PhaseContext): Promise<void> {
  const { shell, paths } = host;
  for (const name of await shell.list(paths.upload)) {
    if (name !== "." && name !== "..") await shell.removeFile(`${paths.upload}/${name}`);
  }
  await shell.removeFolder(paths.upload);
}

export const gone: Phase = {
  id: "gone",
  title: "Look that nothing is left",
  undoSentence: null,
  look: () => Promise.resolve({ isNeeded: true, sentence: "Look for its folders and its unit." }),
  async run({ host }) {
    const places = [
      "/opt/skink",
      "/etc/skink",
      "/var/lib/skink",
      "/run/skink",
      "/etc/systemd/system/skink.service",
      "/etc/systemd/system/multi-user.target.wants/skink.service",
    ];
    const left: string[] = [];
    for (const place of places) {
      if ((await host.shell.stat(host.paths.at(place))) !== null) left.push(place);
    }
    if (left.length === 0) return "Nothing of Skink is on this host.";
    throw new HostFailure(
      "wrong-answer",
      `On “${host.name}” there is still ${left.join(", ")}.`,
      "Remove it by hand, after looking at what it holds.",
    );
  },
};

function sameJson(a: string, b: string): boolean {
  try {
    return canonical(JSON.parse(a)) === canonical(JSON.parse(b));
  } catch {
    return false;
  }
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const rows = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${rows.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(",")}}`;
}
