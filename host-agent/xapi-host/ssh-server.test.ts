import ssh2 from "ssh2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NetworkGate } from "./network-gate.ts";
import { makeHostKey, openSshServer, uptimeLine, type SshServer } from "./ssh-server.ts";

const address = "127.78.2.1";
const port = 20_000 + (process.pid % 20_000);
const gate = new NetworkGate();
let server: SshServer;
let asked: string[] = [];

beforeEach(async () => {
  asked = [];
  server = await openSshServer({
    listen: { host: address, port },
    hostKey: makeHostKey(),
    password: "demo",
    gate,
    shell: {
      hostName: "host-a",
      reboot: () => asked.push("reboot"),
      halt: () => asked.push("halt"),
      restartToolstack: () => asked.push("restart"),
      bootedAtMs: () => Date.now() - 90_000,
      poolConf: () => "slave:10.77.0.1",
      domains: () => [],
      run: () => null,
      root: "/nowhere",
      isDiskFull: () => false,
    },
  });
});
afterEach(async () => {
  gate.restore();
  await server.close();
});

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(command: string, password = "demo"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.on("error", reject);
    client.on("ready", () =>
      client.exec(command, (error, channel) => {
        if (error !== undefined) return reject(error);
        let out = "";
        let err = "";
        channel.on("data", (part: Buffer) => (out += part.toString()));
        channel.stderr.on("data", (part: Buffer) => (err += part.toString()));
        channel.on("exit", (code: number) =>
          channel.on("close", () => {
            client.end();
            resolve({ code, out, err });
          }),
        );
      }),
    );
    client.connect({ host: address, port, username: "root", password, readyTimeout: 2_000 });
  });
}

describe("the SSH server of a host", () => {
  it("knows its short list of commands and nothing else", async () => {
    const answers = await Promise.all([
      run("hostname"),
      run("cat /etc/xensource/pool.conf"),
      run("xl list"),
      run("cat /etc/passwd"),
      run("hostname; cat /etc/passwd"),
      run("hostname\n"),
      run(" reboot"),
    ]);
    expect(answers.map((answer) => answer.code)).toEqual([0, 0, 0, 127, 127, 127, 127]);
    expect(asked).toEqual([]);
    expect(answers.slice(0, 2).map((answer) => answer.out)).toEqual([
      "host-a\n",
      "slave:10.77.0.1",
    ]);
    expect(answers[3]?.err).toMatch(/no shell/u);
  });

  it.each([
    ["reboot", "reboot"],
    ["shutdown -r now", "reboot"],
    ["shutdown -h now", "halt"],
    ["xe-toolstack-restart", "restart"],
  ])("passes %s on to the machine", async (command, wanted) => {
    expect((await run(command)).code).toBe(0);
    expect(asked).toEqual([wanted]);
  });

  it("lets nobody in with another password", async () => {
    await expect(run("hostname", "guess")).rejects.toThrow(/authentication/u);
  });

  it("starts no shell", async () => {
    const refused = await new Promise<boolean>((resolve) => {
      const client = new ssh2.Client();
      // The server ends the connection with the test; that is not what is asked here.
      client.on("error", () => {});
      client.on("ready", () =>
        client.shell((error) => {
          client.end();
          resolve(error !== undefined);
        }),
      );
      client.connect({ host: address, port, username: "root", password: "demo" });
    });
    expect(refused).toBe(true);
  });

  it("is silent while the cable is cut", async () => {
    gate.cut();
    const answer = run("hostname");
    const late = new Promise<"silence">((resolve) => setTimeout(() => resolve("silence"), 150));
    expect(await Promise.race([answer, late])).toBe("silence");
    gate.restore();
    expect((await answer).out).toBe("host-a\n");
  });
});

it("says how long the machine has been up", () => {
  const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  expect(uptimeLine(nowMs - 90_061_000, nowMs)).toBe(" 03:04:05 up 1 days, 1:01,  0 users");
});
