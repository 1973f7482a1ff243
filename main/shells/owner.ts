import os from "node:os";

/** Who sits at this console, for the ledger and for messages that other consoles show. */
export function ownerName(): string {
  return `${userName()}@${os.hostname()}`;
}

function userName(): string {
  try {
    return os.userInfo().username;
  } catch {
    // A container may run as a user id that has no entry in its passwd file.
    return `user ${process.getuid?.() ?? "unknown"}`;
  }
}
