import type { Socket } from "node:net";

/**
 * The cable of one host. Cut, it is like a letterbox nobody empties: what is put in is accepted and
 * nothing ever comes back, and no door slams. Sockets stay open and silent in both directions, the
 * ones in the middle of an answer too; restored, everything held goes on where it stopped.
 */
export class NetworkGate {
  readonly #sockets = new Set<Socket>();
  #held: (() => void)[] = [];
  #isCut = false;

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Hands over a newly accepted connection, at once or when the cable is back. */
  admit(socket: Socket, handOver: (socket: Socket) => void): void {
    socket.on("error", ignoreReset);
    if (!this.#isCut) {
      handOver(socket);
      return;
    }
    this.#held.push(() => {
      if (!socket.destroyed) handOver(socket);
    });
  }

  /** Watches the socket that carries a connection's payload (the TLS one where there is TLS). */
  track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#isCut) stopSocket(socket);
  }

  /** Resolves when something may pass, at once while the cable is in. */
  async passed(): Promise<void> {
    while (this.#isCut) await new Promise<void>((resolve) => this.#held.push(resolve));
  }

  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const socket of this.#sockets) stopSocket(socket);
  }

  restore(): void {
    if (!this.#isCut) return;
    this.#isCut = false;
    for (const socket of this.#sockets) {
      socket.uncork();
      socket.resume();
    }
    const held = this.#held;
    this.#held = [];
    for (const release of held) release();
  }

  /** Ends every connection at once, as the death of the process that owns them does. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    this.#held = [];
  }
}

function stopSocket(socket: Socket): void {
  socket.pause();
  // Writes pile up in memory until the cable is back; the peer sees neither data nor an end.
  socket.cork();
}

// A client that gives up while the cable is out resets its socket; that is its right.
function ignoreReset(): void {}
