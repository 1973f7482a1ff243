import type { ConsoleError } from "../../contract/errors.ts";
import { OutcomeUnknown, XapiFailure } from "../pool-session.ts";
import { ConsoleProblem, consoleError } from "../problem.ts";
import { errorTable } from "./error-table.ts";
import type { Param } from "./error-table.ts";
import { noNames, readable } from "./names.ts";
import type { ObjectNames } from "./names.ts";
import { CertificateRefused } from "./pinned-agent.ts";

/** Any failure of talking to a pool as a person reads it; null for what is a mistake in here. */
export function describePoolError(error: unknown, names: ObjectNames): ConsoleError | null {
  if (error instanceof ConsoleProblem) return error.error;
  if (error instanceof XapiFailure) return describeFailure(error.code, error.params, names);
  if (error instanceof OutcomeUnknown) {
    return consoleError(
      "outcome-unknown",
      `The connection broke before ${error.method} was answered; it may have been done or not.`,
      "Look at the current state before doing it again.",
      { detail: networkCode(error.cause) ?? error.method },
    );
  }
  if (error instanceof CertificateRefused) return describeRefusedCertificate(error, null);
  return networkCode(error) === null ? null : describeNetworkError(error, "The pool");
}

/** One of XAPI's codes with its parameters. Every code has an answer, the known ones a good one. */
export function describeFailure(
  code: string,
  params: readonly string[],
  names: ObjectNames = noNames,
): ConsoleError {
  const said = params.map((param) =>
    code === "CANNOT_EVACUATE_HOST" ? packedReasons(param, names) : readable(param, names),
  );
  const detail = [code, ...said].join(" · ").slice(0, 1000);
  const row = Object.hasOwn(errorTable, code) ? errorTable[code] : undefined;
  if (row === undefined) {
    return consoleError(
      code,
      `XAPI refused this with the code ${code}.`,
      "Look the code up in the documentation of XAPI; the details show what it was about.",
      { detail },
    );
  }
  const a: Param = (position, otherwise = "") => said[position] || otherwise;
  const nextStep = typeof row.nextStep === "string" ? row.nextStep : row.nextStep(a);
  return consoleError(code, row.sentence(a), nextStep, {
    detail,
    retryable: row.retryable ?? false,
  });
}

/** XAPI packs several failures into one text: "CODE,object,…|CODE,object,…". */
function packedReasons(packed: string, names: ObjectNames): string {
  return packed
    .split("|")
    .filter((reason) => reason !== "")
    .map((reason) => {
      const [code = "", ...params] = reason.split(",");
      if (!/^[A-Z][A-Z0-9_]+$/u.test(code)) return readable(reason, names);
      const { sentence } = describeFailure(code, params, names);
      const what = params[0] === undefined ? "" : readable(params[0], names);
      const isNamed = what === "" || sentence.toLowerCase().includes(what.toLowerCase());
      return `${isNamed ? "" : `${what}: `}${sentence.replace(/\.$/u, "")}`;
    })
    .join("; ");
}

/** `who` starts the sentence: "Host “xcp1” (10.0.0.1)". */
export function describeNetworkError(error: unknown, who: string): ConsoleError {
  const code = networkCode(error) ?? "NETWORK";
  const known = networkSentences[code] ?? (isTlsCode(code) ? tlsFailure : otherFailure);
  return consoleError(known.code, `${who} ${known.sentence}`, known.nextStep, {
    retryable: true,
    detail: code,
  });
}

export function describeRefusedCertificate(
  refused: CertificateRefused,
  who: string | null,
): ConsoleError {
  const where = who ?? refused.address.text;
  if (refused.trusted === null) {
    return consoleError(
      "unseen-certificate",
      `Nobody has accepted the certificate of ${where} yet, so nothing was sent to it.`,
      "Compare the fingerprint with the one on the host's own console and accept it.",
      { detail: refused.presented },
    );
  }
  return consoleError(
    "changed-certificate",
    `The certificate of ${where} is not the trusted one. Nothing was sent to it.`,
    "Compare the new fingerprint with the one on the host's own console before accepting it.",
    { detail: `${refused.trusted} was trusted, ${refused.presented} is presented` },
  );
}

export function describeNotXapi(who: string, found: string): ConsoleError {
  return consoleError(
    "not-a-xapi",
    `${who} answers, but not as a XAPI does: it sent ${found}.`,
    "Check that the address and port belong to an XCP-ng or XenServer host.",
  );
}

interface NetworkRow {
  readonly code: string;
  readonly sentence: string;
  readonly nextStep: string;
}

const unreachable = "Check its power, its network and the way there.";

const networkSentences: Readonly<Record<string, NetworkRow | undefined>> = {
  ECONNREFUSED: {
    code: "refused-connection",
    sentence: "is there, but nothing listens at that port.",
    nextStep: "Wait until its XAPI runs again, or check the port.",
  },
  ETIMEDOUT: {
    code: "no-answer",
    sentence: "did not answer in time.",
    nextStep: unreachable,
  },
  EHOSTUNREACH: { code: "no-route", sentence: "cannot be reached.", nextStep: unreachable },
  ENETUNREACH: {
    code: "no-route",
    sentence: "cannot be reached: this computer has no way into that network.",
    nextStep: "Check the network of this computer, or its VPN.",
  },
  EHOSTDOWN: { code: "no-route", sentence: "cannot be reached.", nextStep: unreachable },
  ENOTFOUND: {
    code: "unknown-name",
    sentence: "is a name nobody knows.",
    nextStep: "Check the spelling, or give the IP address.",
  },
  EAI_AGAIN: {
    code: "unknown-name",
    sentence: "could not be looked up, because the name server does not answer.",
    nextStep: "Check the name server, or give the IP address.",
  },
  ECONNRESET: {
    code: "connection-lost",
    sentence: "closed the connection.",
    nextStep: "Wait a moment; its XAPI may be restarting.",
  },
  EPIPE: {
    code: "connection-lost",
    sentence: "closed the connection.",
    nextStep: "Wait a moment; its XAPI may be restarting.",
  },
  UND_ERR_SOCKET: {
    code: "connection-lost",
    sentence: "closed the connection.",
    nextStep: "Wait a moment; its XAPI may be restarting.",
  },
};

const tlsFailure: NetworkRow = {
  code: "no-tls",
  sentence: "does not speak TLS at that port, or only versions this console refuses.",
  nextStep: "Check that the port is the HTTPS port of a host.",
};
const otherFailure: NetworkRow = {
  code: "unreachable",
  sentence: "cannot be spoken to.",
  nextStep: unreachable,
};

function isTlsCode(code: string): boolean {
  return code === "EPROTO" || code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS");
}

/** The code of the innermost network error; null when there is none. */
export function networkCode(error: unknown, depth = 0): string | null {
  if (!(error instanceof Error) || depth > 5) return null;
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause;
  const found = networkCode(inner, depth + 1);
  if (found !== null) return found;
  return "code" in error && typeof error.code === "string" ? error.code : null;
}
