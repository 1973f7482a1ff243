import type { Pipe } from "../../contract/frames.ts";

/** What a wire must be able to do for a pipe end to sit on it. */
export interface Wire {
  write(text: string): void;
  /** closes the wire; what was written before still arrives at the other end */
  shut(): void;
  /** bytes written that have not left yet, where the wire knows */
  pendingBytes?(): number;
}

/** Texts that may wait for the first reader; a pipe without one is a mistake, not a store. */
const WAITING_LIMIT = 1000;

/**
 * The behaviour that all pipes share: early texts wait for the reader, `onClose` fires once
 * whichever end closed, and nothing is sent or read after that.
 */
export class PipeEnd implements Pipe {
  readonly #wire: Wire;
  readonly #waiting: string[] = [];
  readonly #closeListeners = new Set<() => void>();
  #reader: ((text: string) => void) | null = null;
  #isClosed = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  send(text: string): void {
    if (!this.#isClosed) this.#wire.write(text);
  }

  onText(reader: (text: string) => void): void {
    this.#reader = reader;
    for (const text of this.#waiting.splice(0)) this.delivered(text);
  }

  onClose(listener: () => void): void {
    if (this.#isClosed) queueMicrotask(listener);
    else this.#closeListeners.add(listener);
  }

  pendingBytes(): number {
    return this.#wire.pendingBytes?.() ?? 0;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#wire.shut();
    this.ended();
  }

  /** The wire brought a text. */
  delivered(text: string): void {
    if (this.#isClosed) return;
    if (this.#reader !== null) {
      this.#reader(text);
      return;
    }
    this.#waiting.push(text);
    if (this.#waiting.length > WAITING_LIMIT) this.close();
  }

  /** The wire is gone, whoever closed it. */
  ended(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting.length = 0;
    for (const listener of this.#closeListeners) listener();
    this.#closeListeners.clear();
  }
}
