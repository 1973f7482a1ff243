import { X509Certificate } from "node:crypto";

/** A host's TLS identity, both parts PEM. */
export interface HostCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
}

const validForDays = 3650;
const dayMs = 86_400_000;

/**
 * A self-signed certificate as a freshly installed host makes one: CN is the host's name, the
 * addresses are subject alternative names. P-256, because sixteen RSA keys would take seconds.
 */
export async function makeCertificate(
  hostName: string,
  addresses: readonly string[],
): Promise<HostCertificate> {
  const { generate } = await import("selfsigned");
  const now = Date.now();
  const made = await generate([{ name: "commonName", value: hostName }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    // A day of slack, so that a client whose clock is a little behind does not refuse it.
    notBeforeDate: new Date(now - dayMs),
    notAfterDate: new Date(now + validForDays * dayMs),
    extensions: [
      { name: "basicConstraints", cA: false },
      { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: hostName },
          ...addresses.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { certificatePem: made.cert, keyPem: made.private };
}

/** SHA-256 of the DER form as upper-case hex pairs joined by colons. */
export function fingerprintOf(certificatePem: string): string {
  return new X509Certificate(certificatePem).fingerprint256;
}
