import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { fingerprintOf, makeCertificate } from "../host-agent/xapi-host/certificate.ts";

/** What a script answers to one call; `hang` never answers. */
export type Scripted =
  | { readonly result: unknown }
  | { readonly failure: readonly string[] }
  | { readonly raw: string }
  | "hang";

type Records = Record<string, Record<string, unknown>>;

/** One XAPI that does what a test tells it, over real HTTPS. */
export interface ScriptedXapi {
  readonly address: string;
  readonly fingerprint: string;
  /** every call as `method(params)`, with the session as it came */
  readonly calls: { readonly method: string; readonly params: readonly unknown[] }[];
  readonly records: Record<string, Records>;
  /** asked first; undefined leaves the usual answer */
  script: (method: string, params: readonly unknown[]) => Scripted | undefined;
  /** what the next event call tells, at once */
  tell(events: readonly object[]): void;
  /** what `valid_ref_counts` says instead of the truth */
  countsOff: Record<string, number>;
  /** all sessions are forgotten, as when XAPI restarts */
  restart(): void;
  close(): Promise<void>;
}

export const scriptedPassword = "Pa55-\u00fcnter\u00b7dem-Tisch";
const eventWaitMs = 300;

export async function startScriptedXapi(host = "127.0.0.1"): Promise<ScriptedXapi> {
  const certificate = await makeCertificate("scripted", [host]);
  const world = new World();
  const server = createServer(
    { cert: certificate.certificatePem, key: certificate.keyPem },
    (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString("utf8");
      });
      request.on("end", () => {
        void world.answer(body).then((text) => {
          if (text === null) return;
          response.setHeader("content-type", "application/json");
          response.end(text);
        });
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  world.records["host"]!["OpaqueRef:h1"]!["address"] = host;
  return Object.assign(world, {
    address: `${host}:${port}`,
    fingerprint: fingerprintOf(certificate.certificatePem),
    close: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  });
}

class World {
  readonly calls: { method: string; params: readonly unknown[] }[] = [];
  script: ScriptedXapi["script"] = () => undefined;
  countsOff: Record<string, number> = {};
  readonly records: Record<string, Records> = {
    pool: {
      "OpaqueRef:p": {
        uuid: "57cd528c-0000-4000-8000-000000000001",
        name_label: "Scripted",
        master: "OpaqueRef:h1",
        ha_enabled: false,
        ha_statefiles: [],
        other_config: {},
      },
    },
    host: {
      "OpaqueRef:h1": {
        uuid: "57cd528c-0000-4000-8000-0000000000a1",
        name_label: "host one",
        address: "",
        enabled: true,
        metrics: "OpaqueRef:m1",
        resident_VMs: [],
        other_config: {},
        current_operations: {},
        software_version: {},
      },
    },
    host_metrics: { "OpaqueRef:m1": { live: true, memory_total: 8, memory_free: 4 } },
    VM: {
      "OpaqueRef:v1": guest("b1", "one"),
      "OpaqueRef:v2": guest("b2", "two"),
    },
  };
  #session = 0;
  #events: object[] = [];
  #wake: () => void = () => undefined;

  tell(events: readonly object[]): void {
    this.#events.push(...events);
    this.#wake();
  }

  restart(): void {
    this.#session += 1;
    this.#wake();
  }

  async answer(body: string): Promise<string | null> {
    const { id, method, params } = JSON.parse(body) as {
      id: number;
      method: string;
      params: unknown[];
    };
    this.calls.push({ method, params });
    const given = this.script(method, params) ?? (await this.#usual(method, params));
    if (given === "hang") return null;
    if ("raw" in given) return given.raw;
    if ("result" in given) return JSON.stringify({ jsonrpc: "2.0", id, result: given.result });
    const [message, ...data] = given.failure;
    return JSON.stringify({ jsonrpc: "2.0", id, error: { code: 1, message, data } });
  }

  async #usual(method: string, params: readonly unknown[]): Promise<Scripted> {
    if (method === "session.login_with_password") return this.#login(params);
    if (method === "system.listMethods") return { result: ["pool.get_all_records"] };
    const session = `OpaqueRef:session-${this.#session}`;
    if (params[0] !== session) return { failure: ["SESSION_INVALID", String(params[0])] };
    if (method === "session.logout") return { result: "" };
    if (method === "event.from") return this.#eventFrom(session);
    const className = /^(\w+)\.get_all_records$/u.exec(method)?.[1];
    if (className !== undefined) return { result: this.records[className] ?? {} };
    return { failure: ["MESSAGE_METHOD_UNKNOWN", method] };
  }

  #login(params: readonly unknown[]): Scripted {
    if (params.length < 2) {
      const wanted = ["session.login_with_password", "2", String(params.length)];
      return { failure: ["MESSAGE_PARAMETER_COUNT_MISMATCH", ...wanted] };
    }
    if (params[1] === scriptedPassword) return { result: `OpaqueRef:session-${this.#session}` };
    return { failure: ["SESSION_AUTHENTICATION_FAILED", String(params[0]), "no"] };
  }

  async #eventFrom(session: string): Promise<Scripted> {
    if (this.#events.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, eventWaitMs);
      });
    }
    if (session !== `OpaqueRef:session-${this.#session}`) {
      return { failure: ["SESSION_INVALID", session] };
    }
    const counts: Record<string, number> = {};
    for (const [name, records] of Object.entries(this.records)) {
      counts[name.toLowerCase()] = Object.keys(records).length + (this.countsOff[name] ?? 0);
    }
    const events = this.#events.splice(0);
    return { result: { token: "0,0", events, valid_ref_counts: counts } };
  }
}

function guest(last: string, name: string): Record<string, unknown> {
  return {
    uuid: `57cd528c-0000-4000-8000-0000000000${last}`,
    name_label: name,
    power_state: "Halted",
    is_a_template: false,
    is_a_snapshot: false,
    is_control_domain: false,
    resident_on: "OpaqueRef:NULL",
    ha_restart_priority: "",
    VBDs: [],
    VIFs: [],
    VGPUs: [],
    attached_PCIs: [],
    memory_static_max: 1024,
    current_operations: {},
    blocked_operations: {},
    allowed_operations: [],
    other_config: {},
  };
}
