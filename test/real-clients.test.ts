import { execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ssh2 from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Agent } from "undici";
import { startDemoPool, type DemoHost, type DemoPool } from "../main/demo/demo-pool.ts";
import { callXapi, RpcFailure } from "../main/demo/rpc.ts";

const pythonClient = fileURLToPath(new URL("./clients/xapi_client.py", import.meta.url));
const ownDemo = fileURLToPath(new URL("./clients/own-demo.ts", import.meta.url));

/** Far above what loopback needs, for a machine that does other things as well. */
const patienceMs = 20_000;

interface XapiRecord {
  readonly [field: string]: unknown;
}

/** The part of the npm client that is used here; it ships no types. */
interface XenApi {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  call(method: string, ...params: readonly unknown[]): Promise<unknown>;
  callAsync(method: string, ...params: readonly unknown[]): Promise<unknown>;
  objectsFetched: Promise<void>;
  objects: {
    all: Record<string, XapiRecord>;
    on(event: string, listener: (items: Record<string, XapiRecord>) => void): void;
  };
  _url: { hostname: string };
  _undiciDispatcher: Agent;
  _setUrl(url: unknown): void;
}

const { createClient } = createRequire(import.meta.url)("xen-api") as {
  createClient: (options: object) => XenApi;
};

function xenApi(pool: DemoPool, host: DemoHost, options: object = {}): XenApi {
  return createClient({
    url: host.xapiUrl,
    auth: { user: pool.user, password: pool.password },
    allowUnauthorized: true,
    debounce: 10,
    ...options,
  });
}

/** Asks again until `claim` holds; fails with what it saw last. */
async function eventually<T>(look: () => Promise<T> | T, claim: (seen: T) => boolean): Promise<T> {
  const endMs = performance.now() + patienceMs;
  let last: unknown;
  while (performance.now() < endMs) {
    try {
      const seen = await look();
      if (claim(seen)) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(
    `never came true; seen last: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
  );
}

function rpc(host: DemoHost, method: string, ...params: readonly unknown[]): Promise<unknown> {
  const url = new URL(host.xapiUrl);
  const target = {
    host: url.hostname,
    port: Number(url.port),
    certificatePem: host.certificatePem,
  };
  return callXapi(target, { method, params, signal: AbortSignal.timeout(patienceMs) });
}

async function login(pool: DemoPool, host: DemoHost): Promise<string> {
  return String(await rpc(host, "session.login_with_password", pool.user, pool.password));
}

interface PythonResult {
  readonly login: { readonly value?: string; readonly error?: readonly string[] };
  readonly steps: readonly { readonly value?: unknown; readonly error?: readonly string[] }[];
}

function python(order: object): Promise<PythonResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      "python3",
      [pythonClient],
      { timeout: patienceMs },
      (error, out, err) => {
        if (error !== null) reject(new Error(`${error.message}\n${err}`));
        else resolve(JSON.parse(out) as PythonResult);
      },
    );
    child.stdin?.end(JSON.stringify(order));
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that has ended and was not waited for yet runs no more either.
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

/** Processes whose command line names the folder. */
function processesOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/u.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(folder);
      } catch {
        return false;
      }
    })
    .map(Number);
}

let pool: DemoPool;
let coordinator: DemoHost;
let supporter: DemoHost;

async function startPool(): Promise<void> {
  pool = await startDemoPool({ preset: "two", timing: "fast" });
  [coordinator, supporter] = pool.hosts as [DemoHost, DemoHost];
}

describe("clients that nobody here wrote", () => {
  beforeAll(startPool, 60_000);
  afterAll(() => pool.stop());

  const clients: XenApi[] = [];
  const connect = async (host: DemoHost, options: object = {}): Promise<XenApi> => {
    const client = xenApi(pool, host, options);
    clients.push(client);
    await client.connect();
    return client;
  };
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.disconnect().catch(() => {})));
  });

  it("xen-api connects, fills its cache, and sees a change as an event", async () => {
    const client = await connect(coordinator);
    await client.objectsFetched;
    const all = Object.values(client.objects.all);
    const vms = all.filter((object) => object["$type"] === "VM");
    expect(all.filter((object) => object["$type"] === "host")).toHaveLength(2);
    expect(
      vms.filter((vm) => vm["is_a_template"] !== true && vm["is_control_domain"] !== true),
    ).toHaveLength(12);
    const erp = vms.find((vm) => vm["name_label"] === "ERP Datenbank")!;
    const seen = new Promise<XapiRecord>((resolve) => {
      client.objects.on("update", (items) => {
        const changed = Object.values(items).find((item) => item?.["$ref"] === erp["$ref"]);
        if (changed !== undefined) resolve(changed);
      });
    });
    const session = await login(pool, coordinator);
    await rpc(coordinator, "VM.set_order", session, erp["$ref"], 7);
    expect((await seen)["order"]).toBe(7);
    await rpc(coordinator, "VM.set_order", session, erp["$ref"], 1);
  });

  it("xen-api is satisfied with the one certificate it was told to expect, and no other", async () => {
    const pinned = (certificatePem: string): Promise<XenApi> => {
      const client = xenApi(pool, coordinator, { allowUnauthorized: false, watchEvents: false });
      clients.push(client);
      client._undiciDispatcher = new Agent({ connect: { ca: certificatePem } });
      client._setUrl(client._url);
      return client.connect().then(() => client);
    };
    await expect(pinned(coordinator.certificatePem)).resolves.toBeDefined();
    await expect(pinned(supporter.certificatePem)).rejects.toThrow(/certificate|self-signed/u);
  });

  it("xen-api finds the coordinator when it asks the supporter", async () => {
    const client = await connect(supporter, { watchEvents: false });
    expect(client._url.hostname).toBe(coordinator.address);
    expect(Object.keys((await client.call("pool.get_all_records")) as object)).toHaveLength(1);
  });

  it("xen-api's asynchronous calls end with their result", async () => {
    const client = await connect(coordinator);
    await client.objectsFetched;
    const vm = Object.values(client.objects.all).find(
      (object) => object["name_label"] === "build-runner",
    )!;
    const host = vm["resident_on"];
    await client.callAsync("VM.hard_shutdown", vm["$ref"]);
    expect(await client.call("VM.get_power_state", vm["$ref"])).toBe("Halted");
    await client.callAsync("VM.start_on", vm["$ref"], host, false, false);
    expect(await client.call("VM.get_power_state", vm["$ref"])).toBe("Running");
  });

  it("Python's xmlrpc logs in, reads guests with their names, stops one and starts it", async () => {
    const certificate = join(coordinator.folder, "xapi-ssl.pem");
    const way = {
      url: `${coordinator.xapiUrl}/`,
      certificate,
      user: "root",
      password: pool.password,
    };
    const first = await python({ ...way, steps: [["VM.get_by_name_label", 'DHCP "Werk 1"']] });
    const [vm] = (first.steps[0]?.value ?? []) as readonly string[];
    const { steps } = await python({
      ...way,
      steps: [
        ["VM.clean_shutdown", vm],
        ["VM.get_power_state", vm],
        ["VM.set_start_delay", vm, "0"],
        ["VM.start", vm, false, false],
        ["VM.get_power_state", vm],
        ["VM.get_memory_static_max", vm],
      ],
    });
    expect(steps.map((step) => step.error ?? step.value)).toEqual([
      "",
      "Halted",
      "",
      "",
      "Running",
      "1073741824",
    ]);
  });

  it("Python is sent from the supporter to the coordinator before any password is looked at", async () => {
    const certificate = join(supporter.folder, "xapi-ssl.pem");
    const { login: answer } = await python({
      url: `${supporter.xapiUrl}/`,
      certificate,
      user: "root",
      password: "not the password",
    });
    expect(answer.error).toEqual(["HOST_IS_SLAVE", coordinator.address]);
  });

  it("root on a host's own socket needs no password, on either host", async () => {
    for (const host of [coordinator, supporter]) {
      const result = await python({
        socket: host.socketPath,
        user: "root",
        password: "",
        steps: [["pool.get_all"]],
      });
      expect(result.steps[0]?.value).toHaveLength(1);
    }
  });

  it("a wrong password is refused on the network", async () => {
    const attempt = rpc(coordinator, "session.login_with_password", "root", "wrong");
    await expect(attempt).rejects.toMatchObject({ code: "SESSION_AUTHENTICATION_FAILED" });
  });

  it("a person with a browser gets a page", async () => {
    const page = await fetch(coordinator.xapiUrl, {
      dispatcher: new Agent({ connect: { ca: coordinator.certificatePem } }),
    } as RequestInit);
    expect([page.status, await page.text()]).toEqual([
      200,
      expect.stringContaining(coordinator.name),
    ]);
  });
});

describe("a host's own misfortunes", () => {
  beforeAll(startPool, 60_000);
  afterAll(() => pool.stop());

  it("a cut network is silence: nothing is closed, and everything goes on when it is back", async () => {
    const session = await login(pool, coordinator);
    await pool.act({ action: "cut-network", host: coordinator.name });
    const answer = rpc(coordinator, "pool.get_all", session);
    const late = new Promise((resolve) => setTimeout(() => resolve("silence"), 1_000));
    expect(await Promise.race([answer, late])).toBe("silence");
    expect(pool.state().hosts[0]).toMatchObject({ network: "cut", xapi: "running" });
    await pool.act({ action: "restore-network", host: coordinator.name });
    expect(await answer).toHaveLength(1);
  });

  it("a XAPI that hangs answers nothing, and is itself again when it wakes", async () => {
    await pool.act({ action: "hang-xapi", host: coordinator.name });
    const answer = login(pool, coordinator);
    const late = new Promise((resolve) => setTimeout(() => resolve("silence"), 500));
    expect(await Promise.race([answer, late])).toBe("silence");
    await pool.act({ action: "resume-xapi", host: coordinator.name });
    expect(await answer).toMatch(/^OpaqueRef:/u);
  });

  it("a killed XAPI is started again by its host, and finds its guests running", async () => {
    const before = await runningOn(coordinator);
    await pool.act({ action: "kill-xapi", host: coordinator.name });
    await eventually(
      () => pool.state().hosts[0]?.xapi,
      (xapi) => xapi === "stopped" || xapi === "starting",
    );
    await eventually(
      () => enabledHosts(coordinator),
      (names) => names.length === 2,
    );
    expect(await runningOn(coordinator)).toEqual(before);
  });

  it("a full disk is told to the node, and space comes back", async () => {
    await pool.act({ action: "fill-disk", host: coordinator.name });
    const session = await login(pool, coordinator);
    const [poolRef] = (await rpc(coordinator, "pool.get_all", session)) as readonly string[];
    const uuid = await rpc(coordinator, "pool.get_uuid", session, poolRef);
    const alert = (): Promise<unknown> =>
      rpc(coordinator, "message.create", session, "X", 5, "Pool", uuid, "");
    expect(await alert()).toBe("OpaqueRef:NULL");
    await pool.act({ action: "free-disk", host: coordinator.name });
    expect(await alert()).not.toBe("OpaqueRef:NULL");
  });

  it("a supporter whose reboot is typed into its shell moves its guests, boots anew, and is back", async () => {
    const bootBefore = await bootTime(supporter);
    const guests = await runningOn(coordinator);
    const bound = ["Prüfstand Messrechner", "build-runner"];
    const movable = (await runningOn(supporter)).filter((name) => !bound.includes(name));
    expect(movable).toHaveLength(5);
    expect(await ssh(supporter, "reboot")).toBe(0);
    await eventually(
      () => pool.state().hosts[1]?.power,
      (power) => power === "booting",
    );
    await eventually(
      () => enabledHosts(coordinator),
      (names) => names.length === 2,
    );
    expect(await bootTime(supporter)).toBeGreaterThan(bootBefore);
    expect(await runningOn(coordinator)).toEqual([...guests, ...movable].toSorted());
    // Bound to the host by a card and by a local disk: shut down with it, and not started unasked.
    expect(await runningOn(supporter)).toEqual([]);
  });

  /** Names of the guests that the coordinator says run on a host, and its machine agrees. */
  async function runningOn(host: DemoHost): Promise<readonly string[]> {
    const session = await login(pool, coordinator);
    const ref = await rpc(coordinator, "host.get_by_uuid", session, host.uuid);
    const vms = (await rpc(coordinator, "VM.get_all_records", session)) as Record<
      string,
      XapiRecord
    >;
    return Object.values(vms)
      .filter((vm) => vm["resident_on"] === ref && vm["is_control_domain"] !== true)
      .map((vm) => String(vm["name_label"]))
      .toSorted();
  }

  async function enabledHosts(via: DemoHost): Promise<readonly string[]> {
    const session = await login(pool, via);
    const hosts = (await rpc(via, "host.get_all_records", session)) as Record<string, XapiRecord>;
    return Object.values(hosts)
      .filter((host) => host["enabled"] === true)
      .map((host) => String(host["name_label"]));
  }

  async function bootTime(host: DemoHost): Promise<number> {
    const session = await login(pool, coordinator);
    const ref = await rpc(coordinator, "host.get_by_uuid", session, host.uuid);
    const config = (await rpc(coordinator, "host.get_other_config", session, ref)) as Record<
      string,
      string
    >;
    return Number(config["boot_time"]);
  }

  function ssh(host: DemoHost, command: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const client = new ssh2.Client();
      client.on("error", reject);
      client.on("ready", () =>
        client.exec(command, (error, channel) => {
          if (error !== undefined) return reject(error);
          channel.on("exit", (code: number) => resolve(code));
          channel.resume();
          channel.on("close", () => client.end());
        }),
      );
      client.connect({
        host: host.sshHost,
        port: host.sshPort,
        username: "root",
        password: pool.password,
      });
    });
  }
});

describe("the coordinator loses power", () => {
  beforeAll(startPool, 60_000);
  afterAll(() => pool.stop());

  it("the supporter is promoted from its own copy of the database", async () => {
    await pool.act({ action: "cut-power", host: coordinator.name });
    await expect(login(pool, coordinator)).rejects.toThrow(/ECONNREFUSED/u);
    const local = await rpc(
      supporter,
      "session.slave_local_login_with_password",
      "root",
      pool.password,
    );
    await rpc(supporter, "pool.emergency_transition_to_master", local);
    const session = await eventually(
      () => login(pool, supporter),
      () => true,
    );
    const master = await rpc(supporter, "pool.get_all_records", session);
    const ref = await rpc(supporter, "host.get_by_uuid", session, supporter.uuid);
    expect(Object.values(master as Record<string, XapiRecord>)[0]?.["master"]).toBe(ref);
    const vms = (await rpc(supporter, "VM.get_all_records", session)) as Record<string, XapiRecord>;
    expect(Object.values(vms).map((vm) => vm["name_label"])).toContain("Řízení výroby Brno");
  });
});

describe("whatever ends the owner of the demo", () => {
  it("stop() leaves no process and no folder", async () => {
    const own = await startDemoPool({ preset: "two", timing: "fast" });
    const pids = processesOf(own.folder);
    expect(pids.length).toBeGreaterThanOrEqual(3);
    await own.stop();
    expect([pids.filter(isAlive), existsSync(own.folder)]).toEqual([[], false]);
  });

  it("SIGKILL leaves no process, not even a stopped one, and no folder", async () => {
    const base = mkdtempSync(join(tmpdir(), "skink-owner-"));
    const owner = spawn(process.execPath, [ownDemo, base], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const line = await new Promise<string>((resolve) => {
      let text = "";
      owner.stdout.on("data", (part: Buffer) => {
        text += part.toString();
        if (text.includes("\n")) resolve(text);
      });
    });
    const { folder } = JSON.parse(line) as { readonly folder: string };
    const pids = processesOf(folder);
    const host = pids.find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("xapi-host"),
    )!;
    process.kill(host, "SIGSTOP");
    owner.kill("SIGKILL");
    await eventually(
      () => pids.filter(isAlive),
      (left) => left.length === 0,
    );
    await eventually(
      () => existsSync(folder),
      (isThere) => !isThere,
    );
    rmSync(base, { recursive: true, force: true });
  });

  it("a folder whose owner is gone is removed by the next start", async () => {
    const base = mkdtempSync(join(tmpdir(), "skink-owner-"));
    const left = mkdtempSync(join(base, "skink-demo-"));
    // No process has this number: it is above the kernel's limit.
    writeFileSync(join(left, "owner.json"), JSON.stringify({ pid: 2 ** 30 }));
    const own = await startDemoPool({ preset: "two", timing: "fast", workDir: base });
    expect(existsSync(left)).toBe(false);
    await own.stop();
    rmSync(base, { recursive: true, force: true });
  });
});

it("where hosts share one address the map leads to each of them", async () => {
  const mapped = await startDemoPool({ preset: "two", timing: "fast", isMapped: true });
  try {
    const [first, second] = mapped.hosts as [DemoHost, DemoHost];
    const refusal = await rpc(second, "session.login_with_password", "root", "x").catch(
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(RpcFailure);
    expect((refusal as RpcFailure).message).toBe("HOST_IS_SLAVE 10.77.0.1");
    expect(`https://${mapped.addressMap["10.77.0.1:443"]}`).toBe(first.xapiUrl);
  } finally {
    await mapped.stop();
  }
});
