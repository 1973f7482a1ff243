import { describe, expect, test } from "vitest";
import { acceptance, certificatesToTrust, type Probe } from "./certificates.ts";

const probe = (change: Partial<Probe>): Probe => ({
  address: "supporter.lab",
  fingerprint: "AA",
  subject: "CN=supporter",
  validFromMs: 0,
  validToMs: 1,
  role: "supporter",
  coordinatorAddress: "coordinator.lab",
  trust: "first-use",
  trustedFingerprint: null,
  coordinatorCertificate: {
    fingerprint: "BB",
    subject: "CN=coordinator",
    validFromMs: 0,
    validToMs: 1,
    trust: "first-use",
    trustedFingerprint: null,
  },
  ...change,
});

const shown = (given: Probe): string[] =>
  certificatesToTrust(given).map((each) => `${each.role} ${each.address} ${each.fingerprint}`);

describe("certificates a person must judge", () => {
  test("of a supporter: its own and the coordinator's, for the password goes there", () => {
    const given = probe({});
    expect([shown(given), acceptance(given)]).toEqual([
      ["supporter supporter.lab AA", "coordinator coordinator.lab BB"],
      { trustFingerprint: "AA", trustCoordinatorFingerprint: "BB" },
    ]);
  });

  test("what is trusted already is not asked again", () => {
    expect(shown(probe({ trust: "trusted" }))).toEqual(["coordinator coordinator.lab BB"]);
  });

  test("of a coordinator: one", () => {
    const given = probe({ role: "coordinator", coordinatorCertificate: null });
    expect([shown(given), acceptance(given)]).toEqual([
      ["coordinator supporter.lab AA"],
      { trustFingerprint: "AA" },
    ]);
  });
});
