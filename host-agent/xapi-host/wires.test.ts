import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HttpRequest, XapiNode } from "../virtual-xapi/node.ts";
import { PeerUnreachable, type PeerRequest } from "../virtual-xapi/ports.ts";
import { fingerprintOf, makeCertificate, type HostCertificate } from "./certificate.ts";
import { NetworkGate } from "./network-gate.ts";
import { createPeerWire, LinkFaults, peerPath, type PeerWire } from "./peer-wire.ts";
import type { MemberWire } from "./settings.ts";
import { openWebServer, type WebServer } from "./web-server.ts";

/** Long enough for an answer on loopback, short enough for a test to wait for silence. */
const silenceMs = 150;
const poolSecret = "s3cret";

interface Station {
  readonly address: string;
  readonly uuid: string;
  readonly certificate: HostCertificate;
  readonly gate: NetworkGate;
  readonly faults: LinkFaults;
  readonly heard: PeerRequest[];
  server: WebServer;
  wire: PeerWire;
}

/** Repeats what it is asked; the wires around it are the real ones. */
function echoNode(heard: PeerRequest[]): XapiNode {
  return {
    start() {},
    stop: () => Promise.resolve(),
    handle: (request: HttpRequest) =>
      Promise.resolve({
        status: 200,
        contentType: "application/json",
        body: JSON.stringify({ via: request.via, path: request.path, body: request.body }),
      }),
    handlePeer(request) {
      heard.push(request);
      return Promise.resolve({ status: "success", value: request.op });
    },
    inspect: () => {
      throw new Error("not asked in these tests");
    },
  };
}

let folder = "";
let members: Record<string, MemberWire> = {};
let a: Station;
let b: Station;

async function openStation(name: "a" | "b", address: string, port: number): Promise<Station> {
  const certificate = await makeCertificate(`host-${name}`, [address]);
  members[address] = {
    hostUuid: `uuid-${name}`,
    dial: { host: address, port },
    certificatePem: certificate.certificatePem,
  };
  const heard: PeerRequest[] = [];
  const gate = new NetworkGate();
  const faults = new LinkFaults();
  const server = await openWebServer({
    node: echoNode(heard),
    hostName: `host-${name}`,
    listen: { host: address, port },
    socketPath: join(folder, `${name}.sock`),
    certificate,
    poolSecret,
    members,
    gate,
    faults,
  });
  const wire = createPeerWire({ members, gate, faults });
  return { address, uuid: `uuid-${name}`, certificate, gate, faults, heard, server, wire };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "skink-wires-"));
  members = {};
  const port = 20_000 + (process.pid % 20_000);
  a = await openStation("a", "127.78.1.1", port);
  b = await openStation("b", "127.78.1.2", port);
});

afterEach(async () => {
  for (const station of [a, b]) {
    station.gate.restore();
    station.wire.close();
    await station.server.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

function ask(from: Station, to: Station, timeoutMs?: number): Promise<unknown> {
  const request: PeerRequest = { op: "hello", args: [], from: from.uuid, poolSecret };
  return from.wire.request(to.address, request, timeoutMs === undefined ? {} : { timeoutMs });
}

/** What came of a promise within the time in which loopback always answers. */
async function within<T>(work: Promise<T>, ms = silenceMs): Promise<T | "silence" | "refused"> {
  const late = new Promise<"silence">((resolve) => setTimeout(() => resolve("silence"), ms));
  return Promise.race([work.catch(() => "refused" as const), late]);
}

function post(
  to: Station,
  options: { readonly agent?: Agent; readonly path?: string; readonly secret?: string } = {},
): Promise<{ readonly status: number; readonly type: string; readonly body: string }> {
  const dial = members[to.address]!.dial;
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(
      {
        host: dial.host,
        port: dial.port,
        method: "POST",
        path: options.path ?? "/jsonrpc",
        ca: [to.certificate.certificatePem],
        checkServerIdentity: () => undefined,
        ...(options.agent === undefined ? {} : { agent: options.agent }),
        ...(options.secret === undefined ? {} : { headers: { "x-pool-secret": options.secret } }),
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => (body += part));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers["content-type"] ?? "",
            body,
          }),
        );
      },
    );
    sent.on("error", reject);
    sent.end("{}");
  });
}

describe("the doors of a host", () => {
  it("answers over HTTPS with its own certificate, content type exactly as the node says", async () => {
    const answer = await post(a);
    expect(answer).toEqual({
      status: 200,
      type: "application/json",
      body: JSON.stringify({ via: "tcp", path: "/jsonrpc", body: "{}" }),
    });
    expect(fingerprintOf(a.certificate.certificatePem)).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/u);
  });

  it("knows the caller on the Unix socket from one on the network", async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const sent = httpRequest(
        { socketPath: join(folder, "a.sock"), method: "POST", path: "/" },
        (response) => {
          let body = "";
          response.on("data", (part: Buffer) => (body += part.toString()));
          response.on("end", () => resolve(body));
        },
      );
      sent.on("error", reject);
      sent.end("x");
    });
    expect(JSON.parse(answer)).toEqual({ via: "socket", path: "/", body: "x" });
  });

  it("shows the members' path to nobody without the pool secret", async () => {
    const refused = [
      await post(a, { path: peerPath }),
      await post(a, { path: peerPath, secret: "x" }),
    ];
    expect(refused.map((answer) => answer.status)).toEqual([403, 403]);
    expect(a.heard).toEqual([]);
  });
});

describe("a cable that is cut", () => {
  it("leaves clients with silence, and gives them their answer when it is back", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await post(a, { agent });
    a.gate.cut();
    const onOldConnection = post(a, { agent });
    const onNewConnection = post(a);
    expect(await within(onOldConnection)).toBe("silence");
    expect(await within(onNewConnection)).toBe("silence");
    a.gate.restore();
    const answers = await Promise.all([onOldConnection, onNewConnection]);
    expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
    agent.destroy();
  });

  it("silences questions between members in both directions", async () => {
    a.gate.cut();
    const out = ask(a, b);
    const into = ask(b, a);
    expect(await within(out)).toBe("silence");
    expect(await within(into)).toBe("silence");
    a.gate.restore();
    expect(await Promise.all([out, into])).toEqual([
      { status: "success", value: "hello" },
      { status: "success", value: "hello" },
    ]);
  });

  it("is not a refusal: only a deadline ends the wait", async () => {
    b.gate.cut();
    await expect(ask(a, b, 50)).rejects.toBeInstanceOf(PeerUnreachable);
    expect(b.heard).toEqual([]);
  });
});

describe("one lost direction between two members", () => {
  it("from a to b: b never hears the question", async () => {
    a.faults.set([b.address], []);
    b.faults.set([], [a.address]);
    expect(await within(ask(a, b))).toBe("silence");
    expect(b.heard).toEqual([]);
  });

  it("from b to a: b hears and acts, and the answer is lost", async () => {
    b.faults.set([a.address], []);
    a.faults.set([], [b.address]);
    const answer = ask(a, b);
    expect(await within(answer)).toBe("silence");
    expect(b.heard).toHaveLength(1);
    b.faults.set([], []);
    a.faults.set([], []);
    expect(await answer).toEqual({ status: "success", value: "hello" });
  });

  it("does not touch clients", async () => {
    a.faults.set([b.address], [b.address]);
    expect((await post(a)).status).toBe(200);
  });
});

describe("a member that is not who it was", () => {
  it("is not talked to when its certificate is another one", async () => {
    const stranger = await makeCertificate("host-b", [b.address]);
    const known = members[b.address]!;
    const wire = createPeerWire({
      members: {
        ...members,
        [b.address]: { ...known, certificatePem: stranger.certificatePem },
      },
      gate: a.gate,
      faults: a.faults,
    });
    const request: PeerRequest = { op: "hello", args: [], from: a.uuid, poolSecret };
    await expect(wire.request(b.address, request)).rejects.toBeInstanceOf(PeerUnreachable);
    expect(b.heard).toEqual([]);
    wire.close();
  });

  it("is unreachable at once when nobody listens", async () => {
    await b.server.close();
    await expect(ask(a, b)).rejects.toBeInstanceOf(PeerUnreachable);
    b.server = { close: () => Promise.resolve(), holdLocal() {} };
  });
});
