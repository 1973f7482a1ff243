import { createStore, type StoreApi } from "zustand/vanilla";
import type { ApiName, InputOf, NameOfKind, OutputOf } from "../../main/contract/console-api.ts";
import type { ConsoleError } from "../../main/contract/errors.ts";
import type { ClientFrame, Pipe, ServerFrame } from "../../main/contract/frames.ts";
import { LockedOut } from "./locked-out.ts";
import type { Result } from "./result.ts";

/** Opens a fresh pipe to the backend, or rejects; called again after each break. */
export type PipeOpener = () => Promise<Pipe>;

/** `gone` is a picture of its own: nothing on screen may be believed while it lasts. */
export type LinkState =
  | { readonly status: "opening"; readonly sinceMs: number }
  | { readonly status: "open"; readonly sinceMs: number }
  | {
      readonly status: "gone";
      readonly sinceMs: number;
      /** `locked`: it is there, but this window needs a new link */
      readonly reason: "silent" | "locked";
      /** null: it does not try by itself */
      readonly nextTryAtMs: number | null;
      readonly sentence: string;
    };

export interface StreamHandlers<T> {
  onItem(item: T): void;
  /** the backend ended it; null when it came to its natural end */
  onEnd(error: ConsoleError | null): void;
}

export interface ConsoleClient {
  readonly link: StoreApi<LinkState>;
  ask<N extends NameOfKind<"query" | "command">>(
    name: N,
    input: InputOf<N>,
  ): Promise<Result<OutputOf<N>>>;
  /** Survives a broken pipe: it is asked for again on the next one. Returns how to stop it. */
  stream<N extends NameOfKind<"stream">>(
    name: N,
    input: InputOf<N>,
    handlers: StreamHandlers<OutputOf<N>>,
  ): () => void;
  start(): void;
  /** tries at once instead of at `nextTryAtMs` */
  retryNow(): void;
  stop(): void;
}

interface OpenStream {
  readonly name: ApiName;
  readonly input: unknown;
  readonly handlers: StreamHandlers<unknown>;
}

/**
 * Asks the backend for a sign of life; rejects when it is not there. It must not count as use of
 * the window where the shell locks idle ones.
 */
export type Probe = () => Promise<void>;

const probeEveryMs = 5000;
const probeTimeoutMs = 5000;
const retryDelayMsFirst = 250;
const retryDelayMsMax = 5000;

/** 250 ms, 500 ms, 1 s, 2 s, 4 s, then every 5 s. */
export const retryDelayMs = (attempts: number): number =>
  Math.min(retryDelayMsMax, retryDelayMsFirst * 2 ** Math.min(attempts, 8));

const pipeLost: ConsoleError = {
  code: "PIPE_LOST",
  sentence: "The console's backend stopped answering before it said what came of this.",
  nextStep:
    "Look at what the pool shows once the backend is back, then decide whether to ask again.",
  retryable: false,
};

const pipeClosed: ConsoleError = {
  code: "PIPE_CLOSED",
  sentence: "The console's backend is not there, so nothing was sent.",
  nextStep: "Wait until the backend is back, then try again.",
  retryable: true,
};

class Client implements ConsoleClient {
  readonly link: StoreApi<LinkState>;
  readonly #openPipe: PipeOpener;
  readonly #probe: Probe;
  readonly #replies = new Map<number, (result: Result<never>) => void>();
  readonly #streams = new Map<number, OpenStream>();
  #pipe: Pipe | null = null;
  #nextId = 1;
  #attempts = 0;
  #generation = 0;
  #heardAtMs = 0;
  #retryTimer: ReturnType<typeof setTimeout> | null = null;
  #probeTimer: ReturnType<typeof setInterval> | null = null;

  constructor(openPipe: PipeOpener, probe: Probe | null) {
    this.#openPipe = openPipe;
    this.#probe = probe ?? (async () => void (await this.ask("console.hello", {})));
    this.link = createStore<LinkState>(() => ({ status: "opening", sinceMs: Date.now() }));
  }

  start(): void {
    void this.#open();
  }

  stop(): void {
    this.#generation += 1;
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    if (this.#probeTimer !== null) clearInterval(this.#probeTimer);
    this.#pipe?.close();
    this.#pipe = null;
  }

  retryNow(): void {
    if (this.link.getState().status !== "gone") return;
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    void this.#open();
  }

  ask<N extends NameOfKind<"query" | "command">>(
    name: N,
    input: InputOf<N>,
  ): Promise<Result<OutputOf<N>>> {
    if (this.#pipe === null) return Promise.resolve({ ok: false, error: pipeClosed });
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#replies.set(id, resolve);
      this.#send({ kind: "request", id, name, input });
    });
  }

  stream<N extends NameOfKind<"stream">>(
    name: N,
    input: InputOf<N>,
    handlers: StreamHandlers<OutputOf<N>>,
  ): () => void {
    let id = this.#nextId++;
    const open: OpenStream = { name, input, handlers };
    this.#streams.set(id, open);
    this.#send({ kind: "request", id, name, input });
    return () => {
      for (const [key, candidate] of this.#streams) if (candidate === open) id = key;
      if (this.#streams.delete(id)) this.#send({ kind: "cancel", id });
    };
  }

  #send(frame: ClientFrame): void {
    this.#pipe?.send(JSON.stringify(frame));
  }

  async #open(): Promise<void> {
    this.#retryTimer = null;
    const generation = ++this.#generation;
    try {
      const pipe = await this.#openPipe();
      if (generation !== this.#generation) {
        pipe.close();
        return;
      }
      this.#adopt(pipe, generation);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.#lost(sentenceOf(error), error instanceof LockedOut ? "locked" : "silent");
    }
  }

  #adopt(pipe: Pipe, generation: number): void {
    this.#pipe = pipe;
    pipe.onText((text) => {
      this.#heard();
      this.#receive(JSON.parse(text) as ServerFrame);
    });
    pipe.onClose(() => {
      if (generation !== this.#generation) return;
      this.#lost("The pipe to the backend broke.", "silent");
    });
    this.#heardAtMs = Date.now();
    this.#probeTimer = setInterval(() => void this.#lookForLife(generation), probeEveryMs);
    // A pipe that opens proves nothing; its first word does. So something is asked at once.
    void this.ask("console.hello", {});
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const open of streams) {
      const id = this.#nextId++;
      this.#streams.set(id, open);
      this.#send({ kind: "request", id, name: open.name, input: open.input });
    }
  }

  #heard(): void {
    this.#heardAtMs = Date.now();
    if (this.link.getState().status === "open") return;
    this.#attempts = 0;
    this.link.setState({ status: "open", sinceMs: this.#heardAtMs }, true);
  }

  /** A backend that hangs keeps its pipe open: silence is broken by asking, not by waiting. */
  async #lookForLife(generation: number): Promise<void> {
    if (Date.now() - this.#heardAtMs < probeEveryMs) return;
    try {
      await withTimeout(this.#probe(), probeTimeoutMs);
      this.#heardAtMs = Date.now();
    } catch (error) {
      const hasChanged = generation !== this.#generation;
      const hasSpoken = Date.now() - this.#heardAtMs < probeTimeoutMs;
      if (hasChanged || (hasSpoken && !(error instanceof LockedOut))) return;
      const pipe = this.#pipe;
      this.#lost(sentenceOf(error), error instanceof LockedOut ? "locked" : "silent");
      pipe?.close();
    }
  }

  #lost(sentence: string, reason: "silent" | "locked"): void {
    this.#generation += 1;
    this.#pipe = null;
    if (this.#probeTimer !== null) clearInterval(this.#probeTimer);
    const delayMs = reason === "locked" ? null : retryDelayMs(this.#attempts++);
    const before = this.link.getState();
    this.link.setState(
      {
        status: "gone",
        sinceMs: before.status === "gone" ? before.sinceMs : Date.now(),
        reason,
        nextTryAtMs: delayMs === null ? null : Date.now() + delayMs,
        sentence,
      },
      true,
    );
    for (const resolve of this.#replies.values()) resolve({ ok: false, error: pipeLost });
    this.#replies.clear();
    if (delayMs !== null) this.#retryTimer = setTimeout(() => void this.#open(), delayMs);
  }

  #receive(frame: ServerFrame): void {
    switch (frame.kind) {
      case "reply":
        this.#answer(frame.id, { ok: true, value: frame.value as never });
        return;
      case "refused":
        this.#answer(frame.id, { ok: false, error: frame.error });
        this.#end(frame.id, frame.error);
        return;
      case "item":
        this.#streams.get(frame.id)?.handlers.onItem(frame.value);
        return;
      case "end":
        this.#end(frame.id, frame.error);
        return;
    }
  }

  #answer(id: number, result: Result<never>): void {
    this.#replies.get(id)?.(result);
    this.#replies.delete(id);
  }

  #end(id: number, error: ConsoleError | null): void {
    const open = this.#streams.get(id);
    this.#streams.delete(id);
    open?.handlers.onEnd(error);
  }
}

const withTimeout = async (work: Promise<void>, timeoutMs: number): Promise<void> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("The backend does not answer any more.")), timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

const sentenceOf = (error: unknown): string =>
  error instanceof Error && error.message !== "" ? error.message : "The backend did not answer.";

/** Without a probe of its own it asks over the pipe. */
export const createClient = (openPipe: PipeOpener, probe: Probe | null = null): ConsoleClient =>
  new Client(openPipe, probe);
