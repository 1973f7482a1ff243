import type { Pipe } from "../../main/contract/frames.ts";
import type { Probe } from "./client.ts";
import { LockedOut } from "./locked-out.ts";
import { pipeOverPort, pipeOverSocket } from "./pipes.ts";

declare global {
  interface Window {
    /** only in the Electron shell: a port to the backend, a fresh one at each call */
    readonly skinkPort?: () => Promise<MessagePort>;
  }
}

const tokenPattern = /^#token=([^&]+)/u;

const lockedSentences: Readonly<Record<string, string>> = {
  expired: "The link was opened more than a minute after it was made.",
  used: "The link was opened before; each link works once.",
  unknown: "The link does not belong to the console that runs now.",
};

/** The one-use token out of the address, which is cleaned before anything else happens. */
const takeToken = (): string | null => {
  const token = tokenPattern.exec(location.hash)?.[1];
  if (token === undefined) return null;
  history.replaceState(null, "", `${location.pathname}#/`);
  return decodeURIComponent(token);
};

const redeem = async (token: string): Promise<void> => {
  const answer = await fetch("session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (answer.ok) return;
  if (await hasSession()) return;
  const body = (await answer.json().catch(() => ({}))) as { code?: string };
  throw new LockedOut(
    lockedSentences[body.code ?? ""] ?? "The console did not accept the link of this window.",
  );
};

const hasSession = async (): Promise<boolean> => {
  const answer = await fetch("session", { cache: "no-store" });
  return answer.ok;
};

const openInBrowser = async (): Promise<Pipe> => {
  const token = takeToken();
  if (token !== null) await redeem(token);
  else if (!(await hasSession())) {
    throw new LockedOut(
      "This window has no session, or it was locked after 30 minutes without use.",
    );
  }
  return pipeOverSocket(`ws://${location.host}/pipe`);
};

const probeOverHttp = async (): Promise<void> => {
  if (!(await hasSession())) {
    throw new LockedOut("This window was locked after 30 minutes without use.");
  }
};

/** Over HTTP in the browser, where a frame on the pipe would count as use; null: over the pipe. */
export const probe: Probe | null = window.skinkPort === undefined ? probeOverHttp : null;

/** The Electron shell offers a port; anywhere else the page came from the loopback server. */
export const openPipe = async (): Promise<Pipe> => {
  if (window.skinkPort !== undefined) return pipeOverPort(await window.skinkPort());
  try {
    return await openInBrowser();
  } catch (error) {
    if (error instanceof LockedOut) throw error;
    throw new Error("The console's program on this machine does not answer.", { cause: error });
  }
};
