import { connect as tlsConnect } from "node:tls";
import type { TLSSocket } from "node:tls";
import { Agent } from "undici";
import { dialed, memberAddress } from "./address.ts";
import type { AddressMap, MemberAddress } from "./address.ts";

/** What a peer shows of itself in the TLS handshake, before anything is said. */
export interface PresentedCertificate {
  /** SHA-256, upper-case hex pairs joined by colons */
  readonly fingerprint: string;
  readonly subject: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

/** The peer is not the one that is trusted at this address, or nobody has looked at it yet. */
export class CertificateRefused extends Error {
  readonly address: MemberAddress;
  /** null: no certificate is trusted at this address */
  readonly trusted: string | null;
  readonly presented: string;
  constructor(address: MemberAddress, trusted: string | null, presented: string) {
    super(`certificate of ${address.text} is not the trusted one`);
    this.name = "CertificateRefused";
    this.address = address;
    this.trusted = trusted;
    this.presented = presented;
  }
}

/** Nobody answered in time; told apart from a refusal by its code, as network errors are. */
export class NoAnswerInTime extends Error {
  readonly code = "ETIMEDOUT";
  constructor(what: string) {
    super(`no answer from ${what} in time`);
    this.name = "NoAnswerInTime";
  }
}

export interface PinnedAgentOptions {
  /** the fingerprint trusted at an address, asked anew for every socket */
  readonly trusted: (address: MemberAddress) => string | null;
  readonly addressMap: AddressMap;
  readonly connectMs: number;
}

/**
 * A dispatcher whose sockets are handed over only after their certificate was compared: no byte of
 * a request reaches a peer that is not the trusted one. Chains and names are not looked at; hosts
 * have self-signed certificates, and the fingerprint says more.
 */
export function pinnedAgent(options: PinnedAgentOptions): Agent {
  return new Agent({
    // Long calls are bounded by their callers, who know how long each may take.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (target, done) => {
      const host = target.hostname.replace(/^\[|\]$/gu, "");
      const address = memberAddress(host, target.port === "" ? 443 : Number(target.port));
      openSocket(address, options.addressMap, options.connectMs).then(
        (socket) => {
          const presented = presentedBy(socket).fingerprint;
          const trusted = options.trusted(address);
          if (trusted !== null && trusted === presented) {
            done(null, socket);
            return;
          }
          socket.destroy();
          done(new CertificateRefused(address, trusted, presented), null);
        },
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), null),
      );
    },
  });
}

/** Looks at an address: a handshake and nothing more. Rejects with the network's error. */
export async function lookAt(
  address: MemberAddress,
  addressMap: AddressMap,
  connectMs: number,
): Promise<PresentedCertificate> {
  const socket = await openSocket(address, addressMap, connectMs);
  const presented = presentedBy(socket);
  socket.destroy();
  return presented;
}

function openSocket(
  address: MemberAddress,
  addressMap: AddressMap,
  connectMs: number,
): Promise<TLSSocket> {
  const to = dialed(address, addressMap);
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({
      host: to.host,
      port: to.port,
      // Compared by fingerprint before use. No session is resumed, so each handshake shows its own.
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
    });
    const timer = setTimeout(() => {
      socket.destroy(new NoAnswerInTime(address.text));
    }, connectMs);
    const settle = (): void => {
      clearTimeout(timer);
      socket.removeListener("error", onError);
      socket.removeListener("close", onClose);
    };
    const onError = (error: Error): void => {
      settle();
      reject(error);
    };
    const onClose = (): void => {
      settle();
      reject(Object.assign(new Error("closed during the handshake"), { code: "ECONNRESET" }));
    };
    socket.once("error", onError);
    socket.once("close", onClose);
    socket.once("secureConnect", () => {
      settle();
      // Until its new owner listens, an error of this socket must not end the process.
      socket.on("error", () => socket.destroy());
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

function presentedBy(socket: TLSSocket): PresentedCertificate {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    return { fingerprint: "", subject: "", validFromMs: 0, validToMs: 0 };
  }
  const commonName = /(?:^|\n)CN=([^\n]*)/u.exec(certificate.subject)?.[1];
  return {
    fingerprint: certificate.fingerprint256,
    subject: commonName ?? certificate.subject.replaceAll("\n", ", "),
    validFromMs: Date.parse(certificate.validFrom),
    validToMs: Date.parse(certificate.validTo),
  };
}
