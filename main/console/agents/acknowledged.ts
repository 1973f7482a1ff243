import type { PreflightReport } from "../../contract/install.ts";
import { problem } from "../problem.ts";

/** Throws unless every host was looked at, nothing failed, and every review was acknowledged. */
export function refuseUnread(
  report: PreflightReport | null,
  hostUuids: readonly string[],
  acknowledgedIds: readonly string[],
): void {
  const hosts = report?.hosts.filter(({ hostUuid }) => hostUuids.includes(hostUuid)) ?? [];
  if (report === null || hosts.length < hostUuids.length) {
    throw problem(
      "preflight-needed",
      "The hosts were not looked at yet.",
      "Run the preflight and read what it found.",
    );
  }
  const failed = hosts.flatMap(({ hostName, findings }) =>
    findings
      .filter(({ state }) => state === "failed")
      .map(({ sentence }) => `“${hostName}”: ${sentence}`),
  );
  if (failed.length > 0) {
    throw problem("preflight-failed", failed.join(" "), "Mend this, then look again.");
  }
  const open = report.acknowledgeIds.filter(
    (id) => hostUuids.includes(id.split("/")[0] ?? "") && !acknowledgedIds.includes(id),
  );
  if (open.length === 0) return;
  throw problem(
    "not-acknowledged",
    `${open.length} findings were not acknowledged.`,
    "Read and acknowledge each of them.",
  );
}
