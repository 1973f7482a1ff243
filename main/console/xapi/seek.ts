import type { Dispatcher } from "undici";
import type { Clock } from "../ports.ts";
import type { MemberAddress } from "./address.ts";
import { logIn, logOut } from "./login.ts";
import type { Credentials, LoginOutcome } from "./login.ts";
import type { LinkTiming } from "./timing.ts";

/** The last thing that came of one member. */
export interface Attempt {
  readonly address: MemberAddress;
  readonly outcome: LoginOutcome;
  readonly atMs: number;
}

export interface SeekOptions {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly timing: LinkTiming;
  readonly credentials: Credentials;
  readonly poolUuid: string | null;
  /** tried from the start; the one that answered last comes first and gets a small lead */
  readonly members: readonly MemberAddress[];
  /** refused logins that are borne before a person is asked; 1 where the password is new */
  readonly refusedMax: number;
  /** after each attempt, with the latest of every member, and when the next one is due */
  readonly onAttempt: (attempts: readonly Attempt[], nextTryAtMs: number) => void;
  readonly signal: AbortSignal;
}

export type SeekResult =
  | { readonly type: "session"; readonly sessionId: string; readonly address: MemberAddress }
  | { readonly type: "needs-password" }
  | { readonly type: "stopped" };

const leadMs = 150;
/** Supporters name coordinators; a wild one must not make this grow. */
const membersMax = 256;

/**
 * Looks for whoever is coordinator now, at all known members at once and without end: each is
 * tried, waited for and tried again on its own, so that one that hangs does not delay the others.
 */
export function seekCoordinator(options: SeekOptions): Promise<SeekResult> {
  return new Seek(options).run();
}

class Seek {
  readonly #options: SeekOptions;
  readonly #stop = new AbortController();
  readonly #attempts = new Map<string, Attempt>();
  readonly #nextTryAtMs = new Map<string, number>();
  /** all members that are tried, with what ends their wait */
  readonly #known = new Map<string, () => void>();
  /** what each supporter named last */
  readonly #named = new Map<string, string>();
  readonly #refused = new Map<string, number>();
  #result: SeekResult | null = null;
  #finish: (result: SeekResult) => void = () => undefined;

  constructor(options: SeekOptions) {
    this.#options = options;
  }

  run(): Promise<SeekResult> {
    return new Promise((resolve) => {
      this.#finish = (result) => {
        if (this.#result !== null) return;
        this.#result = result;
        this.#stop.abort();
        resolve(result);
      };
      const { signal } = this.#options;
      if (signal.aborted) this.#finish({ type: "stopped" });
      signal.addEventListener("abort", () => this.#finish({ type: "stopped" }), { once: true });
      this.#options.members.forEach((member, index) => this.#add(member, index === 0 ? 0 : leadMs));
    });
  }

  #add(address: MemberAddress, delayMs: number): void {
    if (this.#known.has(address.text) || this.#known.size >= membersMax) return;
    this.#known.set(address.text, () => undefined);
    void this.#tryForEver(address, delayMs);
  }

  /** Another coordinator is named than before: it is worth asking at once. */
  #heardOf(supporter: MemberAddress, coordinator: MemberAddress): void {
    this.#add(coordinator, 0);
    if (this.#named.get(supporter.text) === coordinator.text) return;
    this.#named.set(supporter.text, coordinator.text);
    this.#known.get(coordinator.text)?.();
  }

  async #tryForEver(address: MemberAddress, delayMs: number): Promise<void> {
    const { clock, timing } = this.#options;
    const { signal } = this.#stop;
    await clock.sleep(delayMs, signal);
    let waitMs = timing.retryFirstMs;
    while (!signal.aborted) {
      const outcome = await this.#try(address);
      if (this.#result !== null) {
        // Another member won meanwhile: this session is not needed.
        if (outcome.type === "session")
          await logOut(
            { ...this.#options, address, timeoutMs: timing.connectMs },
            outcome.sessionId,
          );
        return;
      }
      this.#nextTryAtMs.set(address.text, clock.wallMs() + waitMs);
      this.#take(address, outcome);
      const poke = new AbortController();
      this.#known.set(address.text, () => poke.abort());
      await clock.sleep(waitMs, AbortSignal.any([signal, poke.signal]));
      waitMs = Math.min(waitMs * 2, timing.retryMaxMs);
    }
  }

  #try(address: MemberAddress): Promise<LoginOutcome> {
    const { dispatcher, timing, credentials, poolUuid } = this.#options;
    return logIn({ dispatcher, address, credentials, poolUuid, timing, signal: this.#stop.signal });
  }

  #take(address: MemberAddress, outcome: LoginOutcome): void {
    this.#attempts.delete(address.text);
    this.#attempts.set(address.text, { address, outcome, atMs: this.#options.clock.wallMs() });
    if (outcome.type === "session") {
      this.#finish({ type: "session", sessionId: outcome.sessionId, address });
      return;
    }
    if (outcome.type === "supporter") this.#heardOf(address, outcome.coordinator);
    // Per address: one coordinator may be known under two.
    const refused = (this.#refused.get(address.text) ?? 0) + 1;
    if (outcome.type === "wrong-password") this.#refused.set(address.text, refused);
    this.#options.onAttempt([...this.#attempts.values()], Math.min(...this.#nextTryAtMs.values()));
    if (outcome.type === "wrong-password" && refused >= this.#options.refusedMax) {
      this.#finish({ type: "needs-password" });
    }
  }
}
