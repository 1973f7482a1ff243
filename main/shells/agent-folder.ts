import { readFileSync } from "node:fs";
import path from "node:path";
import type { ConsolePorts } from "../console/ports.ts";

/**
 * The agent that ships beside this program. Its key comes with it: the signature shows that the
 * files belong together and are whole; that they are the publisher's is for the package's own
 * signature.
 */
export function agentPorts(folder: string): NonNullable<ConsolePorts["agents"]> {
  const agentSocket = process.env["SSH_AUTH_SOCK"];
  return {
    bundle: bundleIn(folder),
    ...(agentSocket === undefined || agentSocket === "" ? {} : { agentSocket }),
  };
}

function bundleIn(folder: string): NonNullable<ConsolePorts["agents"]>["bundle"] {
  try {
    return { folder, publicKeyPem: readFileSync(path.join(folder, "release-key.pem"), "utf8") };
  } catch {
    // Not built; the console says so where an agent would be installed.
    return null;
  }
}
