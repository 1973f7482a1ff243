/**
 * Tables of calls: what is called, in which state, and the exact answer. The runner plays a row on
 * a fresh pool in either protocol and gives what came back next to what was expected; the test
 * compares.
 */
import type { RawValue } from "../wire/raw.ts";
import { smallPool, type SmallPoolOptions } from "./small-pool.ts";
import type { Format, VirtualClient } from "./virtual-client.ts";
import type { VirtualMachine } from "./virtual-machine.ts";
import { VirtualPool, type VirtualPoolOptions } from "./virtual-pool.ts";

export interface RowScene {
  readonly pool: VirtualPool;
  /** The host that is called. */
  readonly machine: VirtualMachine;
  readonly client: VirtualClient;
  readonly session: string;
  /** What a row remembers between its steps. */
  readonly notes: Record<string, RawValue>;
  /** Calls as root on the coordinator, letting time pass until the answer. */
  readonly ask: (method: string, ...args: readonly RawValue[]) => Promise<RawValue>;
}

type FromScene<T> = T | ((scene: RowScene) => T);

export interface CallRow {
  /** What the row shows, as a sentence. */
  readonly name: string;
  readonly pool?: SmallPoolOptions | undefined;
  readonly options?: Partial<Pick<VirtualPoolOptions, "timing" | "users">>;
  /** The called host; `a` coordinates. */
  readonly on?: string;
  readonly via?: "tcp" | "socket";
  /**
   * Whose session goes first: root's (default), one of this host alone, a user's by name (the
   * password is the name), or none at all.
   */
  readonly as?: "root" | "local" | "none" | { readonly user: string };
  readonly before?: (scene: RowScene) => void | Promise<void>;
  readonly call: FromScene<readonly [method: string, ...args: readonly RawValue[]]>;
  /** The answer; numbers count as equal to their text over XML. */
  readonly gives?: FromScene<RawValue>;
  /** The whole error array. */
  readonly fails?: FromScene<readonly string[]>;
  /** Looks afterwards; what it returns is compared with `leaves`. */
  readonly after?: (scene: RowScene) => RawValue | Promise<RawValue>;
  readonly leaves?: FromScene<RawValue>;
}

export interface RowOutcome {
  readonly answer?: RawValue;
  readonly failure?: readonly string[];
  readonly after?: RawValue;
}

export const FORMATS: readonly Format[] = ["xml", "json"];

function resolve<T>(value: FromScene<T>, scene: RowScene): T {
  return typeof value === "function" ? (value as (scene: RowScene) => T)(scene) : value;
}

/** Numbers as text: XML has no other integers. */
function loosen(value: RawValue): RawValue {
  if (typeof value === "number") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => loosen(item as RawValue));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, loosen(item)]));
}

async function sessionFor(row: CallRow, pool: VirtualPool, client: VirtualClient): Promise<string> {
  const who = row.as ?? "root";
  if (who === "none") return "";
  if (who === "local") {
    const method = "session.slave_local_login_with_password";
    return String(await pool.time.until(client.call(method, "root", "opensesame")));
  }
  const root = pool.host(0).client();
  const login = who === "root" ? root.logIn() : root.logIn(who.user, who.user);
  return await pool.time.until(login);
}

async function openScene(
  row: CallRow,
  format: Format,
  turn: () => Promise<void>,
): Promise<RowScene> {
  const pool = new VirtualPool({ blueprint: smallPool(row.pool), turn, ...row.options });
  await pool.start();
  const machine = pool.host(row.on ?? "a");
  const client = machine.client({ format, ...(row.via === undefined ? {} : { via: row.via }) });
  const session = await sessionFor(row, pool, client);
  const root = pool.host(0).client();
  const rootSession = await pool.time.until(root.logIn());
  const ask = (method: string, ...args: readonly RawValue[]): Promise<RawValue> =>
    pool.time.until(root.call(method, rootSession, ...args), 86_400_000);
  return { pool, machine, client, session, ask, notes: {} };
}

async function play(row: CallRow, scene: RowScene): Promise<RowOutcome> {
  const [method, ...args] = resolve(row.call, scene);
  const params = row.as === "none" ? args : [scene.session, ...args];
  if (row.fails !== undefined) {
    const failing = scene.client.failure(method, ...params);
    return { failure: await scene.pool.time.until(failing, 86_400_000) };
  }
  const answer = await scene.pool.time.until(scene.client.call(method, ...params), 86_400_000);
  return row.gives === undefined ? {} : { answer: loosen(answer) };
}

/** Plays one row. A call that answers where it must fail (or the reverse) throws. */
export async function runRow(
  row: CallRow,
  format: Format,
  turn: () => Promise<void>,
): Promise<{ readonly actual: RowOutcome; readonly expected: RowOutcome }> {
  const scene = await openScene(row, format, turn);
  await row.before?.(scene);
  const outcome = await play(row, scene);
  const after = row.after === undefined ? {} : { after: loosen(await row.after(scene)) };
  return {
    actual: { ...outcome, ...after },
    expected: {
      ...(row.fails === undefined ? {} : { failure: resolve(row.fails, scene) }),
      ...(row.gives === undefined ? {} : { answer: loosen(resolve(row.gives, scene)) }),
      ...(row.leaves === undefined ? {} : { after: loosen(resolve(row.leaves, scene)) }),
    },
  };
}
