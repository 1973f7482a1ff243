import type { InputOf, OutputOf } from "../../../main/contract/console-api.ts";

export type Probe = OutputOf<"pools.probe">;

export interface SeenCertificate {
  readonly address: string;
  readonly role: "coordinator" | "supporter";
  readonly fingerprint: string;
  readonly subject: string;
  readonly validFromMs: number;
  readonly validToMs: number;
  readonly trust: "first-use" | "trusted" | "changed";
  readonly trustedFingerprint: string | null;
}

/** What a person must still judge: the host asked, and the coordinator it names. */
export const certificatesToTrust = (probe: Probe): SeenCertificate[] => {
  const own: SeenCertificate = probe;
  const other = probe.coordinatorCertificate;
  const seen: SeenCertificate[] =
    other === null
      ? [own]
      : [
          own,
          { ...other, role: "coordinator", address: probe.coordinatorAddress ?? "coordinator" },
        ];
  return seen.filter((certificate) => certificate.trust !== "trusted");
};

/** The fingerprints to hand over after the person accepted everything that was shown. */
export const acceptance = (
  probe: Probe,
): Pick<InputOf<"pools.connect">, "trustFingerprint" | "trustCoordinatorFingerprint"> => ({
  trustFingerprint: probe.fingerprint,
  ...(probe.coordinatorCertificate === null
    ? {}
    : { trustCoordinatorFingerprint: probe.coordinatorCertificate.fingerprint }),
});
