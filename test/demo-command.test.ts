import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { consoleApi } from "../main/contract/console-api.ts";
import { serverFrameSchema } from "../main/contract/frames.ts";

/* The command as a person types it: npm, the way in, the pool's processes, and their end. */
const root = fileURLToPath(new URL("..", import.meta.url));

let scratch = "";
const started: ChildProcess[] = [];

beforeAll(() => {
  scratch = mkdtempSync(path.join(os.tmpdir(), "skink-test-"));
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Ready {
  readonly url: string;
  readonly hosts: readonly { name: string; xapiUrl: string; sshPort: number }[];
  readonly user: string;
  readonly password: string;
}

function start(args: readonly string[], script = "demo") {
  const tmp = mkdtempSync(path.join(scratch, "tmp-"));
  const child = spawn("npm", ["run", "--silent", script, "--", ...args], {
    cwd: root,
    // Without a display, whatever this machine has: a window would need a person to close it.
    env: {
      ...process.env,
      DISPLAY: "",
      WAYLAND_DISPLAY: "",
      TMPDIR: tmp,
      XDG_CONFIG_HOME: path.join(tmp, "config"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const firstLine = async (): Promise<string> => {
    while (!stdout.includes("\n")) {
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return stdout;
  };
  return {
    child,
    ended,
    tmp,
    stdout: () => stdout,
    stderr: () => stderr,
    firstLine,
    ready: async () => JSON.parse(await firstLine()) as Ready,
  };
}

/** Every process below this one, found through /proc. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It went while we looked.
    }
  }
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const below = [...parents].filter(([, parent]) => parent === next).map(([child]) => child);
    found.push(...below);
    queue.push(...below);
  }
  return found;
}

/** npm keeps its own compiled code in the temporary folder, whatever it runs. */
const leftIn = (folder: string) =>
  readdirSync(folder).filter((name) => name !== "node-compile-cache");

const isRunning = (pid: number) => existsSync(`/proc/${pid}`);

const answers = (url: URL) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(Number(url.port), url.hostname);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

async function goneWithin(pids: readonly number[], limitMs: number): Promise<number[]> {
  const until = Date.now() + limitMs;
  while (pids.some(isRunning) && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return pids.filter(isRunning);
}

describe.runIf(process.platform === "linux")("npm run demo -- --json --no-open", () => {
  test("tells one line when the pool can be used, and leaves nothing after Ctrl-C", async () => {
    const demo = start(["--json", "--no-open"]);
    const ready = await demo.ready();

    expect(Object.keys(ready)).toEqual(["url", "hosts", "user", "password"]);
    expect(ready.hosts).toHaveLength(2);
    for (const host of ready.hosts) {
      expect(Object.keys(host)).toEqual(["name", "xapiUrl", "sshPort"]);
      expect(await answers(new URL(host.xapiUrl))).toBe(true);
    }
    const page = await fetch(ready.url);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toContain("text/html");

    const pids = descendants(demo.child.pid ?? 0);
    // The way in, the console, a process per host and the one that cleans up after a crash.
    expect(pids.length).toBeGreaterThanOrEqual(5);
    expect(leftIn(demo.tmp)).not.toEqual([]);
    demo.child.kill("SIGINT");
    await demo.ended;
    expect(await goneWithin(pids, 5000)).toEqual([]);
    expect(leftIn(demo.tmp)).toEqual([]);
    expect(await answers(new URL(ready.url))).toBe(false);
    for (const host of ready.hosts) expect(await answers(new URL(host.xapiUrl))).toBe(false);
    expect(demo.stdout().trim().split("\n")).toHaveLength(1);
  });

  test("logs in at the pool: the window that opens the link sees it connected", async () => {
    const demo = start(["--json", "--no-open"]);
    const link = new URL((await demo.ready()).url);
    const session = await fetch(`${link.origin}/session`, {
      method: "POST",
      headers: { Origin: link.origin, "Content-Type": "application/json" },
      body: JSON.stringify({ token: link.hash.replace("#token=", "") }),
    });
    expect(session.status).toBe(204);
    const cookie = session.headers.get("set-cookie")?.split(";")[0] ?? "";
    const socket = new WebSocket(`ws://${link.host}/pipe`, {
      headers: { Origin: link.origin, Cookie: cookie },
    });
    const isLive = new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.on("message", (data: Buffer) => {
        const frame = serverFrameSchema.parse(JSON.parse(data.toString()));
        if (frame.kind !== "item") return;
        const { pools } = consoleApi["pools.watch"].output.parse(frame.value);
        if (pools.some((pool) => pool.connection.status === "live")) resolve();
      });
    });
    socket.once("open", () => {
      socket.send(JSON.stringify({ kind: "request", id: 1, name: "pools.watch", input: {} }));
    });
    await isLive;
    socket.terminate();
    demo.child.kill("SIGTERM");
    await demo.ended;
  });

  test("leaves nothing when the console itself is killed", async () => {
    const demo = start(["--json", "--no-open"]);
    await demo.ready();
    const pids = descendants(demo.child.pid ?? 0);
    const console_ = pids.find((pid) => {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("shells/command.ts");
    });
    process.kill(console_ ?? 0, "SIGKILL");
    await demo.ended;
    expect(await goneWithin(pids, 5000)).toEqual([]);
    await expect.poll(() => leftIn(demo.tmp), { timeout: 5000 }).toEqual([]);
  });

  test("leaves nothing when npm is killed", async () => {
    const demo = start(["--json", "--no-open"]);
    await demo.ready();
    const pids = descendants(demo.child.pid ?? 0);
    demo.child.kill("SIGKILL");
    expect(await goneWithin(pids, 15_000)).toEqual([]);
    expect(leftIn(demo.tmp)).toEqual([]);
  });

  test("leaves nothing when Ctrl-C comes while the pool starts", async () => {
    const demo = start(["--json", "--no-open", "--preset", "sixteen"]);
    while (!leftIn(demo.tmp).some((name) => name.startsWith("skink-demo-"))) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const pids = descendants(demo.child.pid ?? 0);
    demo.child.kill("SIGINT");
    expect(await demo.ended).toBe(130);
    expect(demo.stdout()).toBe("");
    expect(await goneWithin(pids, 5000)).toEqual([]);
    await expect.poll(() => leftIn(demo.tmp), { timeout: 5000 }).toEqual([]);
  });

  test("answers a bad option with a sentence", async () => {
    const demo = start(["--preset", "three"]);
    expect(await demo.ended).toBe(2);
    expect(demo.stderr()).toContain("--preset three is not one of two, sixteen, large.");
    expect(demo.stdout()).toBe("");
  });

  test("says so when the port is taken, and leaves nothing", async () => {
    const first = start(["--json", "--no-open"]);
    const port = new URL((await first.ready()).url).port;
    const second = start(["--json", "--no-open", "--port", port]);
    expect(await second.ended).toBe(1);
    expect(second.stderr()).toContain(`Port ${port} is in use by another program.`);
    expect(leftIn(second.tmp)).toEqual([]);
    first.child.kill("SIGINT");
    await first.ended;
  });
});

describe.runIf(process.platform === "linux")("npm start", () => {
  test("opens the console without a demo, says why not on the desktop, gives links, ends", async () => {
    const console_ = start([], "start");
    const line = await console_.firstLine();
    const url = /^Console: (http:\/\/127\.0\.0\.1:\d+\/#token=\S+)$/m.exec(line)?.[1] ?? "";
    expect((await fetch(url)).status).toBe(200);
    expect(console_.stderr()).toMatch(/The console runs in the browser instead\.$/m);

    const pid = /kill -USR2 (\d+)/.exec(console_.stderr())?.[1];
    process.kill(Number(pid), "SIGUSR2");
    await expect.poll(() => console_.stdout().match(/#token=/g)?.length).toBe(2);

    console_.child.kill("SIGTERM");
    expect(await console_.ended).toBe(0);
    expect(leftIn(console_.tmp)).toEqual([]);
  });
});
