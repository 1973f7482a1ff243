import type { OutputOf } from "../../contract/console-api.ts";
import { ConsoleProblem } from "../problem.ts";
import type { AddressMap, MemberAddress } from "./address.ts";
import { parseAddress } from "./address.ts";
import { describeFailure, describeNetworkError, describeNotXapi } from "./errors.ts";
import { failedLogin, logOut } from "./login.ts";
import { lookAt, NoAnswerInTime, pinnedAgent } from "./pinned-agent.ts";
import type { PresentedCertificate } from "./pinned-agent.ts";
import type { LinkTiming } from "./timing.ts";
import type { TrustStore } from "./trust.ts";
import { ask } from "./wire.ts";
import type { WireAnswer } from "./wire.ts";

export interface ProbeOptions {
  readonly trust: TrustStore;
  readonly addressMap: AddressMap;
  readonly timing: LinkTiming;
}

type Probe = OutputOf<"pools.probe">;
type Role =
  | { readonly role: "coordinator" }
  | { readonly role: "supporter"; readonly coordinator: MemberAddress };

/**
 * What is at an address, told without any secret: first the handshake, then two questions through a
 * socket that is pinned to what the handshake showed. Throws a problem for anything but a XAPI.
 */
export async function probe(addressText: string, options: ProbeOptions): Promise<Probe> {
  const address = parseAddress(addressText);
  const shown = await lookOrProblem(address, options);
  const role = await askRole(address, shown.fingerprint, options);
  const coordinator = role.role === "supporter" ? role.coordinator : null;
  return {
    address: address.text,
    ...trustOf(address, shown, options.trust),
    role: role.role,
    coordinatorAddress: coordinator?.text ?? null,
    coordinatorCertificate:
      coordinator === null
        ? null
        : await lookAt(coordinator, options.addressMap, options.timing.connectMs).then(
            (certificate) => trustOf(coordinator, certificate, options.trust),
            // It may be lost; the supporter's word stays worth showing.
            () => null,
          ),
  };
}

export async function lookOrProblem(
  address: MemberAddress,
  options: Pick<ProbeOptions, "addressMap" | "timing">,
): Promise<PresentedCertificate> {
  try {
    return await lookAt(address, options.addressMap, options.timing.connectMs);
  } catch (error) {
    throw new ConsoleProblem(describeNetworkError(error, address.text), error);
  }
}

function trustOf(
  address: MemberAddress,
  shown: PresentedCertificate,
  trust: TrustStore,
): NonNullable<Probe["coordinatorCertificate"]> {
  const trusted = trust.find(address)?.fingerprint ?? null;
  const isTrusted = trusted === shown.fingerprint;
  return {
    ...shown,
    trust: trusted === null ? "first-use" : isTrusted ? "trusted" : "changed",
    trustedFingerprint: trusted,
  };
}

/**
 * A login without arguments shows that a XAPI is there: it complains about their number, writes
 * nothing to its audit log and keeps nobody waiting. Only then is a login tried with an empty user
 * and password: a supporter answers at once with its coordinator's address, before it looks at
 * either. A coordinator takes 5 s to refuse; it is known by its silence, and nobody waits for the
 * rest.
 */
async function askRole(
  address: MemberAddress,
  fingerprint: string,
  options: ProbeOptions,
): Promise<Role> {
  const { addressMap, timing } = options;
  const dispatcher = pinnedAgent({
    trusted: () => fingerprint,
    addressMap,
    connectMs: timing.connectMs,
  });
  const method = "session.login_with_password";
  try {
    const first = await ask({
      dispatcher,
      address,
      method,
      params: [],
      timeoutMs: timing.roleAnswerMs * 2,
    });
    const told = roleTold(first, address);
    if (told !== null) return told;
    const second = await ask({
      dispatcher,
      address,
      method,
      params: ["", ""],
      timeoutMs: timing.roleAnswerMs,
    });
    if (second.type === "result" && typeof second.value === "string") {
      await logOut({ dispatcher, address, timeoutMs: timing.connectMs }, second.value);
    }
    return roleTold(second, address) ?? { role: "coordinator" };
  } catch (error) {
    if (error instanceof ConsoleProblem) throw error;
    if (error instanceof NoAnswerInTime) return { role: "coordinator" };
    throw new ConsoleProblem(describeNetworkError(error, address.text), error);
  } finally {
    void dispatcher.destroy().catch(() => undefined);
  }
}

const saysNothing: ReadonlySet<string> = new Set([
  "MESSAGE_PARAMETER_COUNT_MISMATCH",
  "SESSION_AUTHENTICATION_FAILED",
]);

/** Null when the answer fits a coordinator and a supporter alike. */
function roleTold(answer: WireAnswer, address: MemberAddress): Role | null {
  if (answer.type === "not-xapi") {
    throw new ConsoleProblem(describeNotXapi(address.text, answer.found));
  }
  if (answer.type === "result") return null;
  const outcome = failedLogin(answer.code, answer.params, address);
  if (outcome.type === "supporter") return { role: "supporter", coordinator: outcome.coordinator };
  if (saysNothing.has(answer.code)) return null;
  throw new ConsoleProblem(describeFailure(answer.code, answer.params));
}
