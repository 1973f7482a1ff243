import { createRequire } from "node:module";

/*
 * The yardstick: `xen-api` as its users use it, from login to a full cache, alone in a process with
 * nothing else. Its address and password come as JSON on the IPC channel.
 */

export interface BareOrder {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

export interface BareResult {
  readonly kind: "filled";
  readonly atMs: number;
  readonly vmCount: number;
  readonly hostCount: number;
}

interface BareClient {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  readonly objectsFetched: Promise<void>;
  readonly objects: { readonly all: Readonly<Record<string, Record<string, unknown>>> };
}

type Create = (options: {
  url: string;
  auth: { user: string; password: string };
  allowUnauthorized: true;
}) => BareClient;

// Required rather than imported: the package has no declarations, and this uses little of it.
const { createClient } = createRequire(import.meta.url)("xen-api") as { createClient: Create };

async function measure({ url, user, password }: BareOrder): Promise<void> {
  const xapi = createClient({ url, auth: { user, password }, allowUnauthorized: true });
  await xapi.connect();
  await xapi.objectsFetched;
  const atMs = performance.timeOrigin + performance.now();
  const records = Object.values(xapi.objects.all);
  const vms = records.filter(
    (record) =>
      record["$type"] === "VM" &&
      record["is_a_template"] === false &&
      record["is_control_domain"] === false &&
      record["is_a_snapshot"] === false,
  );
  const hosts = records.filter((record) => record["$type"] === "host");
  const result: BareResult = {
    kind: "filled",
    atMs,
    vmCount: vms.length,
    hostCount: hosts.length,
  };
  process.send?.(result);
}

// Until the order comes there is nothing else to live for; the starter ends this process.
process.channel?.ref();
process.once("message", (order) => {
  measure(order as BareOrder).catch((error: unknown) => {
    process.stderr.write(`bare client: ${String(error)}\n`);
    process.exit(1);
  });
});
