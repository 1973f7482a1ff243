import { expect, it } from "vitest";
import { XapiFailure, OutcomeUnknown } from "../pool-session.ts";
import { errorTable } from "./error-table.ts";
import { describeFailure, describeNetworkError, describePoolError } from "./errors.ts";
import { namesFrom } from "./names.ts";
import { RecordStore } from "./record-store.ts";

function records(): RecordStore {
  const store = new RecordStore();
  store.replaceClass("host", { "OpaqueRef:h1": { uuid: hostUuid, name_label: "xcp1" } });
  store.replaceClass("VM", {
    "OpaqueRef:v1": { uuid: "v-1", name_label: "Datenbank, groß|alt" },
  });
  store.replaceClass("SR", { "OpaqueRef:s1": { uuid: "s-1", name_label: "NFS" } });
  store.replaceClass("VDI", {
    "OpaqueRef:d1": { uuid: "d-1", name_label: "", SR: "OpaqueRef:s1" },
  });
  return store;
}
const hostUuid = "57cd528c-33fd-4c4f-9ed7-6e9b712b4dd9";
const names = namesFrom(records());

it.each([
  [["HOST_OFFLINE", "OpaqueRef:h1"], "The coordinator does not see host “xcp1” as live."],
  [
    ["VM_BAD_POWER_STATE", "OpaqueRef:v1", "running", "halted"],
    "VM “Datenbank, groß|alt” is halted; it would have to be running.",
  ],
  [
    ["VM_REQUIRES_SR", "OpaqueRef:v1", "OpaqueRef:s1"],
    "VM “Datenbank, groß|alt” needs storage “NFS”, which the host lacks.",
  ],
  [["VDI_IN_USE", "OpaqueRef:d1"], "A disk on storage “NFS” is in use."],
  [["UUID_INVALID", "VM", hostUuid], "The pool has no such VM."],
  [
    ["OTHER_OPERATION_IN_PROGRESS", "VM", "OpaqueRef:none"],
    "An object that no longer exists is busy with something else.",
  ],
  [
    ["OPERATION_BLOCKED", "DummyRef:|abc|Kasse", "no reboot"],
    "Someone blocked this on “Kasse”, which is gone: no reboot.",
  ],
  [
    [
      "CANNOT_EVACUATE_HOST",
      "VM_REQUIRES_SR,OpaqueRef:v1,OpaqueRef:s1|VM_LACKS_FEATURE,OpaqueRef:v1|STRANGE,OpaqueRef:v1",
    ],
    "The host cannot be evacuated: VM “Datenbank, groß|alt” needs storage “NFS”, which the host " +
      "lacks; VM “Datenbank, groß|alt” has no guest tools that could do this; " +
      "VM “Datenbank, groß|alt”: XAPI refused this with the code STRANGE.",
  ],
  [
    ["HOST_NOT_ENOUGH_FREE_MEMORY", "2147483648", "1073741824"],
    "The host has 1024 MiB of memory free and 2048 MiB are needed.",
  ],
  [["NEW_IN_2030", "OpaqueRef:v1"], "XAPI refused this with the code NEW_IN_2030."],
])("%j is said in words", ([code = "", ...params], sentence) => {
  expect(describeFailure(code, params, names).sentence).toBe(sentence);
});

it("every row makes whole sentences, with parameters, without, and with dead references", () => {
  const dead = Array.from({ length: 4 }, () => "OpaqueRef:1234");
  for (const code of Object.keys(errorTable)) {
    for (const params of [[], dead, ["OpaqueRef:h1", "OpaqueRef:v1", hostUuid, "x"]]) {
      const said = describeFailure(code, params, names);
      for (const text of [said.sentence, said.nextStep]) {
        expect(text, code).toMatch(/^[A-Z“].*[.]$/u);
        expect(text, code).not.toMatch(/OpaqueRef|undefined|NaN|\b(?:master|slave|dead)\b/u);
      }
      expect(said.detail, code).not.toContain("OpaqueRef");
    }
  }
});

it("a broken connection says that the outcome is not known", () => {
  const cause = Object.assign(new Error("boom"), { code: "ECONNRESET" });
  const said = describePoolError(new OutcomeUnknown("VM.start", cause), names);
  expect(said).toMatchObject({ code: "outcome-unknown", retryable: false, detail: "ECONNRESET" });
  expect(describePoolError(new XapiFailure("HA_IS_ENABLED", []), names)?.code).toBe(
    "HA_IS_ENABLED",
  );
  expect(describePoolError(new TypeError("a mistake in here"), names)).toBeNull();
});

it.each([
  ["ECONNREFUSED", "refused-connection"],
  ["ETIMEDOUT", "no-answer"],
  ["EHOSTUNREACH", "no-route"],
  ["ENOTFOUND", "unknown-name"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "no-tls"],
  ["EPROTO", "no-tls"],
  ["UND_ERR_SOCKET", "connection-lost"],
  ["EWHATEVER", "unreachable"],
])("the network's %s is told as %s, also from within", (code, told) => {
  const inner = Object.assign(new Error("x"), { code });
  const outer = new Error("fetch failed", { cause: new AggregateError([inner]) });
  expect(describeNetworkError(outer, "Host “xcp1”").code).toBe(told);
  expect(describeNetworkError(outer, "Host “xcp1”").sentence).toMatch(/^Host “xcp1” .*\.$/u);
});
