import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";

/** A cable for datagrams that can be cut: what comes in is sent on to one target. */
export interface Relay {
  readonly port: number;
  isCut: boolean;
  /** every datagram that came in, oldest first, also while cut */
  readonly seen: Buffer[];
  send(datagram: Buffer, to?: { address: string; port: number }): Promise<void>;
  close(): void;
}

export async function openRelay(
  address: string,
  target: { address: string; port: number },
): Promise<Relay> {
  const socket: Socket = createSocket("udp4");
  const seen: Buffer[] = [];
  const send: Relay["send"] = (datagram, to = target) =>
    new Promise((resolve, reject) => {
      socket.send(datagram, to.port, to.address, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  const relay = { isCut: false };
  socket.on("message", (datagram) => {
    seen.push(datagram);
    if (!relay.isCut) socket.send(datagram, target.port, target.address);
  });
  await new Promise<void>((resolve) => socket.bind({ address, port: 0 }, resolve));
  return Object.assign(relay, {
    port: socket.address().port,
    seen,
    send,
    close: () => void socket.close(),
  });
}
