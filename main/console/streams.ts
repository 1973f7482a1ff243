/**
 * Streams are pulled: a source says that it has something, the dispatcher takes it when the pipe
 * has room. What changes in between is merged by the source, so a slow window costs no memory.
 */
export interface StreamSource<Item> {
  /** what to send now, or null when there is nothing new; each item is given once */
  take(): Item | null;
  /** ends the subscription; nothing is taken afterwards */
  close(): void;
}

/** `wake` may be called at any time, also while opening; `take` follows later, never within it. */
export type OpenStream<Item> = (wake: () => void) => StreamSource<Item>;

/** A stream whose newest value replaces all older ones. */
export function latestValue<Value>(
  subscribe: (listener: () => void) => () => void,
  read: () => Value,
): OpenStream<Value> {
  return (wake) => {
    let isDirty = true;
    const unsubscribe = subscribe(() => {
      isDirty = true;
      wake();
    });
    return {
      take() {
        if (!isDirty) return null;
        isDirty = false;
        return read();
      },
      close: unsubscribe,
    };
  };
}

/** Listeners called in the order they came; one that throws does not stop the others. */
export class Listeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  call(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        // A listener's mistake is reported, and neither stops the others nor the facts.
        process.emitWarning(error instanceof Error ? error : String(error));
      }
    }
  }

  get size(): number {
    return this.#listeners.size;
  }
}
