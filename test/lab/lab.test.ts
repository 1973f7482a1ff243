import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sshOptions } from "../../build/lab/ssh.ts";
import { callXapi } from "../../main/demo/rpc.ts";
import { upLab, type Lab, type LabHost, type LabNetwork } from "./lab-client.ts";
import { allNetworks, networksOf, noTraces, ownNetwork, processesOf, tracesOf } from "./traces.ts";

/* Two hosts as a person with `npm run lab` has them. Each test leaves them as it found them. */

const name = "selftest";
const bothNetworks: readonly LabNetwork[] = ["mgmt", "storage"];
let lab: Lab;
let a: LabHost;
let b: LabHost;

beforeAll(async () => {
  lab = await upLab({ name });
  [a, b] = lab.hosts as [LabHost, LabHost];
});

afterAll(async () => {
  await lab?.down();
});

const addressOf = (host: LabHost, network: LabNetwork): string =>
  network === "mgmt" ? host.managementAddress : host.storageAddress;

/** Whether an echo request to the other host is answered. */
async function pings(from: LabHost, to: LabHost, network: LabNetwork): Promise<boolean> {
  const ran = await lab.ssh(from.id, `ping -n -c1 -W1 ${addressOf(to, network)}`);
  expect([0, 1]).toContain(ran.code);
  return ran.code === 0;
}

/** Echo requests that have reached a host so far, by its kernel's count. */
async function echoesSeen(host: LabHost): Promise<number> {
  const { output } = await lab.ssh(host.id, "grep ^Icmp: /proc/net/snmp");
  const [names = [], values = []] = output.split("\n").map((line) => line.split(" "));
  return Number(values[names.indexOf("InEchos")]);
}

async function bootId(host: LabHost): Promise<string> {
  const { code, output } = await lab.ssh(host.id, "cat /proc/sys/kernel/random/boot_id");
  expect(code).toBe(0);
  return output.trim();
}

function login(host: LabHost, timeoutMs: number): Promise<unknown> {
  const target = {
    host: host.managementAddress,
    port: 443,
    certificatePem: readFileSync(host.certificateFile, "utf8"),
  };
  return callXapi(target, {
    method: "session.login_with_password",
    params: ["root", lab.password],
    signal: AbortSignal.timeout(timeoutMs),
  });
}

async function comesTrue(isDone: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (performance.now() < endMs) {
    if (await isDone()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

describe("a host looks like dom0", () => {
  test("its systemd is content, and its files say who it is", async () => {
    const { output } = await lab.ssh(b.id, "systemctl is-system-running --wait; hostname");
    expect(output.trim().split("\n")).toEqual(["running", b.name]);
    const inventory = await lab.ssh(b.id, "cat /etc/xensource-inventory");
    expect(inventory.output).toContain(`INSTALLATION_UUID='${b.uuid}'`);
    const role = await lab.ssh(b.id, "cat /etc/xensource/pool.conf");
    expect(role.output).toBe(`slave:${a.managementAddress}`);
  });

  test("root needs no password on XAPI's socket", async () => {
    const ask = `
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "session.login_with_password",
        params: ["root", ""] });
      const headers = { "content-type": "application/json", "content-length": body.length };
      require("http").request({ socketPath: "/var/lib/xcp/xapi", path: "/jsonrpc", method: "POST",
        headers }, (answer) => answer.pipe(process.stdout)).end(body);`;
    const { output } = await lab.ssh(a.id, `/opt/virtual/node -e '${ask}'`);
    const answer = JSON.parse(output) as { readonly result?: string };
    expect(answer.result).toMatch(/^OpaqueRef:/);
  });

  test("XAPI takes root's password on the management address, and no other", async () => {
    await expect(login(a, 10_000)).resolves.toMatch(/^OpaqueRef:/);
    await expect(login(b, 10_000)).rejects.toThrow("HOST_IS_SLAVE");
  });

  test("xl lists the guests that XAPI runs there", async () => {
    const { output } = await lab.ssh(a.id, "xl list -v");
    const rows = output.trim().split("\n");
    expect(rows[0]).toMatch(/^Name\s+ID\s/);
    expect(rows[1]).toMatch(/^Domain-0\s+0\s/);
    expect(rows.length).toBeGreaterThan(4);
    expect((await lab.ssh(a.id, "xl destroy 1")).code).not.toBe(0);
  });

  test("SSH takes root's password too, and not a wrong one", async () => {
    const tryPassword = (password: string): Promise<string> =>
      new Promise((resolve) => {
        const client = new ssh2.Client();
        const finish = (answer: string): void => {
          client.destroy();
          resolve(answer);
        };
        client.once("ready", () => finish("welcome"));
        client.once("error", (error) => finish(error.message));
        client.connect({ host: a.managementAddress, username: "root", password });
      });
    expect(await tryPassword(lab.password)).toBe("welcome");
    expect(await tryPassword("wrong")).toContain("authentication methods failed");
  });

  test("no way leads out of the lab", async () => {
    expect((await lab.ssh(a.id, "ip route show default")).output).toBe("");
    expect((await lab.ssh(a.id, "ping -n -c1 -W1 192.0.2.1")).code).toBe(2);
  });
});

describe("cables", () => {
  test("every host sees the other on both networks", async () => {
    for (const network of bothNetworks) {
      expect(await pings(a, b, network)).toBe(true);
      expect(await pings(b, a, network)).toBe(true);
    }
  });

  test("one link of one network is cut, and healed", async () => {
    await lab.cut(a.id, b.id, { network: "storage" });
    expect(await pings(a, b, "storage")).toBe(false);
    expect(await pings(a, b, "mgmt")).toBe(true);
    await lab.heal(a.id, b.id, { network: "storage" });
    expect(await pings(a, b, "storage")).toBe(true);
  });

  test("one direction is cut: the other still carries", async () => {
    await lab.cut(a.id, b.id, { network: "mgmt", oneWay: true });
    const seenByB = await echoesSeen(b);
    expect(await pings(a, b, "mgmt")).toBe(false);
    expect(await echoesSeen(b)).toBe(seenByB);
    const seenByA = await echoesSeen(a);
    expect(await pings(b, a, "mgmt")).toBe(false);
    expect(await echoesSeen(a)).toBe(seenByA + 1);
    await lab.heal();
    expect(await pings(a, b, "mgmt")).toBe(true);
  });

  test("a host without its management cable is out of reach for this machine too", async () => {
    await lab.cut(b.id, null, { network: "mgmt" });
    expect((await lab.ssh(b.id, "true")).code).toBe(255);
    expect(await pings(a, b, "mgmt")).toBe(false);
    expect(await pings(a, b, "storage")).toBe(true);
    await lab.heal();
    expect((await lab.ssh(b.id, "true")).code).toBe(0);
  });
});

describe("power", () => {
  test("a host without power says nothing any more, not even goodbye; it comes back anew", async () => {
    const before = await bootId(b);
    const command = [`root@${b.managementAddress}`, "echo ready; sleep 60"];
    const open = spawn("ssh", [...sshOptions(lab.first), ...command]);
    await new Promise((resolve) => open.stdout.once("data", resolve));
    await lab.powerOff(b.id);
    const heardOf = new Promise((resolve) => open.once("close", () => resolve("an end")));
    const silence = new Promise((resolve) => setTimeout(() => resolve("silence"), 1_500));
    expect(await Promise.race([heardOf, silence])).toBe("silence");
    open.kill("SIGKILL");
    expect(await pings(a, b, "mgmt")).toBe(false);
    expect(await pings(a, b, "storage")).toBe(false);
    expect((await lab.status()).hosts[1]?.state).toBe("off");
    await lab.powerOn(b.id);
    expect(await bootId(b)).not.toBe(before);
    expect(await pings(a, b, "storage")).toBe(true);
  });

  test("reboot typed by root brings the host back with another boot id", async () => {
    await lab.ssh(b.id, "echo kept > note");
    const { bootIdBefore, bootIdAfter } = await lab.shellReboot(b.id);
    expect(bootIdAfter).not.toBe(bootIdBefore);
    expect(await bootId(b)).toBe(bootIdAfter);
    expect((await lab.ssh(b.id, "cat note")).output).toBe("kept\n");
  });

  test("poweroff typed by root leaves it off, and a neighbour can press its button", async () => {
    await lab.ssh(b.id, "poweroff");
    const isOff = async (): Promise<boolean> => (await lab.status()).hosts[1]?.state === "off";
    expect(await comesTrue(isOff, 20_000)).toBe(true);
    await lab.ssh(a.id, `touch /opt/virtual/board/power-on-${b.uuid}`);
    const isBack = async (): Promise<boolean> => (await lab.ssh(b.id, "true")).code === 0;
    expect(await comesTrue(isBack, 20_000)).toBe(true);
  });

  test("a watchdog that nobody feeds resets the host", async () => {
    const before = await bootId(b);
    await lab.ssh(b.id, "echo 1 > /opt/virtual/board/watchdog");
    const isReset = async (): Promise<boolean> => {
      const { code, output } = await lab.ssh(b.id, "cat /proc/sys/kernel/random/boot_id");
      return code === 0 && output.trim() !== before;
    };
    expect(await comesTrue(isReset, 20_000)).toBe(true);
  });

  test("a host that hangs runs nothing while its kernel answers, and goes on afterwards", async () => {
    const before = await bootId(b);
    await lab.hang(b.id);
    expect(await pings(a, b, "mgmt")).toBe(true);
    expect((await lab.ssh(b.id, "true", { timeoutMs: 2_000 })).code).not.toBe(0);
    await lab.resume(b.id);
    expect(await bootId(b)).toBe(before);
  });
});

describe("XAPI", () => {
  test("it hangs: calls get no answer, SSH goes on; resumed, it answers", async () => {
    await lab.xapiHang(a.id);
    await expect(login(a, 1_500)).rejects.toThrow(/timeout|aborted/i);
    expect((await lab.ssh(a.id, "systemctl is-active xapi")).output).toBe("active\n");
    await lab.xapiResume(a.id);
    await expect(login(a, 10_000)).resolves.toMatch(/^OpaqueRef:/);
  });

  test("it is killed: systemd starts it again, guests run on", async () => {
    const guests = async (): Promise<string> => (await lab.ssh(a.id, "xl list")).output;
    const before = await guests();
    await lab.xapiKill(a.id);
    await expect(login(a, 5_000)).rejects.toThrow();
    const answers = (): Promise<boolean> =>
      login(a, 5_000).then(
        () => true,
        () => false,
      );
    expect(await comesTrue(answers, 20_000)).toBe(true);
    expect(await guests()).toBe(before);
  });
});

describe("words", () => {
  test("a command typed after -- runs on the host, and its exit code is the verb's", () => {
    const program = fileURLToPath(new URL("../../build/lab/main.ts", import.meta.url));
    const args = [program, "ssh", b.name, `--name=${name}`, "--", "hostname; exit 7"];
    const ran = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect([ran.stdout, ran.status]).toEqual([`${b.name}\n`, 7]);
  });

  test("a host that is not there is named, with those that are", async () => {
    await expect(lab.powerOff("h9")).rejects.toThrow("The lab has no host h9. There are: h1 (");
    await expect(lab.cut("h1", "h1")).rejects.toThrow("A host has no link to itself.");
    await expect(upLab({ name })).rejects.toThrow("is up already");
  });
});

describe("nothing stays", () => {
  test("down takes processes, mounts, links, networks and groups away", async () => {
    const inside = networksOf(processesOf(name));
    const own = [...inside].filter((network) => network !== ownNetwork());
    expect(own.length).toBeGreaterThanOrEqual(2);
    expect(tracesOf(name)).not.toEqual(noTraces);
    await lab.down();
    expect(tracesOf(name)).toEqual(noTraces);
    expect(own.filter((network) => allNetworks().has(network))).toEqual([]);
    await expect(lab.down()).resolves.toBeUndefined();
  });

  test("after a crash the kernel ends it, and the next up sweeps the frozen rest", async () => {
    lab = await upLab({ name });
    await lab.hang("h2");
    const owner = JSON.parse(readFileSync(`/var/lib/skink-lab/${name}/owner.json`, "utf8")) as {
      readonly pid: number;
    };
    process.kill(owner.pid, "SIGKILL");
    await expect(lab.powerOn("h1")).rejects.toThrow("No lab is up");
    lab = await upLab({ name });
    expect((await lab.status()).hosts.map(({ state }) => state)).toEqual(["on", "on"]);
    await lab.down();
    expect(tracesOf(name)).toEqual(noTraces);
  });

  test("without root one sentence says what it needs", () => {
    const program = fileURLToPath(new URL("../../build/lab/main.ts", import.meta.url));
    const ran = spawnSync(process.execPath, [program, "status"], { uid: 65_534, encoding: "utf8" });
    expect(ran.status).toBe(1);
    expect(ran.stderr).toBe(
      "The lab needs root, for namespaces, mounts and systemd-nspawn: start it with sudo.\n",
    );
  });
});
