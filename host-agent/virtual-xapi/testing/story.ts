/** What stories about pools have in common: a started pool and people who use it. */
import type { RawValue } from "../wire/raw.ts";
import { smallPool, type SmallPoolOptions } from "./small-pool.ts";
import type { VirtualClient } from "./virtual-client.ts";
import type { VirtualMachine } from "./virtual-machine.ts";
import { VirtualPool, type VirtualPoolOptions } from "./virtual-pool.ts";

/** A client with a session on one host. */
export interface Person {
  readonly machine: VirtualMachine;
  readonly client: VirtualClient;
  readonly session: string;
  /** Calls and lets time pass until the answer. */
  readonly call: (method: string, ...args: readonly RawValue[]) => Promise<RawValue>;
  /** The error array of a call that must fail. */
  readonly failure: (method: string, ...args: readonly RawValue[]) => Promise<readonly string[]>;
  /** Calls without waiting. */
  readonly begin: (method: string, ...args: readonly RawValue[]) => Promise<RawValue>;
}

const DAY_MS = 86_400_000;

export class Story {
  readonly pool: VirtualPool;

  constructor(pool: VirtualPool) {
    this.pool = pool;
  }

  get time(): VirtualPool["time"] {
    return this.pool.time;
  }

  host(which: string | number): VirtualMachine {
    return this.pool.host(which);
  }

  /** Root with a session of the pool. */
  async root(which: string | number = 0, via: "tcp" | "socket" = "tcp"): Promise<Person> {
    const client = this.host(which).client({ via });
    return this.person(which, client, await this.time.until(client.logIn()));
  }

  /** Root with a session of that host alone. */
  async localRoot(which: string | number): Promise<Person> {
    const client = this.host(which).client();
    const method = "session.slave_local_login_with_password";
    const session = await this.time.until(client.call(method, "root", "opensesame"));
    return this.person(which, client, String(session));
  }

  person(which: string | number, client: VirtualClient, session: string): Person {
    const { time } = this;
    return {
      machine: this.host(which),
      client,
      session,
      call: (method, ...args) => time.until(client.call(method, session, ...args), DAY_MS),
      failure: (method, ...args) => time.until(client.failure(method, session, ...args), DAY_MS),
      begin: (method, ...args) => client.call(method, session, ...args),
    };
  }

  /** The error array of a promise that must be rejected by the API. */
  async refused(call: Promise<RawValue>): Promise<readonly string[]> {
    const outcome = await this.time.until(
      call.then(
        () => ["no failure"],
        (error: unknown) => {
          const { code, params } = error as { code?: string; params?: readonly string[] };
          return code === undefined ? [String(error)] : [code, ...(params ?? [])];
        },
      ),
      DAY_MS,
    );
    return outcome;
  }
}

/** A pool that has been running for a minute. */
export async function startStory(
  turn: () => Promise<void>,
  pool: SmallPoolOptions = {},
  options: Omit<Partial<VirtualPoolOptions>, "turn" | "blueprint"> = {},
): Promise<Story> {
  const story = new Story(new VirtualPool({ blueprint: smallPool(pool), turn, ...options }));
  await story.pool.start();
  return story;
}
