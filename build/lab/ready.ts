import { readFileSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import type { LabPaths } from "./paths.ts";
import type { PlannedHost } from "./plan.ts";

/* Whether a host can be worked with, asked the way a person's tools would. */

const askTimeoutMs = 3_000;

/** An SSH server says its name. */
export function isSshThere(host: PlannedHost): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: host.addresses.mgmt, port: 22 });
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.setTimeout(askTimeoutMs, () => end(false));
    socket.once("data", (part: Buffer) => end(part.toString().startsWith("SSH-2.0-")));
    socket.once("error", () => end(false));
    socket.once("close", () => resolve(false));
  });
}

/** Root can log in at XAPI; a supporter refuses that by naming its coordinator, which will do. */
export async function isXapiThere(host: PlannedHost, paths: LabPaths): Promise<boolean> {
  const password = readFileSync(paths.passwordFile, "utf8").trim();
  const call = { method: "session.login_with_password", params: ["root", password] };
  const answer = await post(host, paths, JSON.stringify({ jsonrpc: "2.0", id: 1, ...call }));
  if (answer === null) return false;
  const { result, error } = JSON.parse(answer) as { result?: string; error?: { message?: string } };
  if (typeof result === "string") {
    const logout = { method: "session.logout", params: [result] };
    await post(host, paths, JSON.stringify({ jsonrpc: "2.0", id: 2, ...logout }));
    return true;
  }
  return error?.message === "HOST_IS_SLAVE";
}

function post(host: PlannedHost, paths: LabPaths, body: string): Promise<string | null> {
  return new Promise((resolve) => {
    const asked = request(
      {
        host: host.addresses.mgmt,
        port: 443,
        path: "/jsonrpc",
        method: "POST",
        agent: false,
        ca: [readFileSync(join(paths.pool, host.id, "xapi-ssl.pem"), "utf8")],
        checkServerIdentity: () => undefined,
        headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
        timeout: askTimeoutMs,
      },
      (response) => {
        let text = "";
        response.on("data", (part: Buffer) => (text += part.toString()));
        response.on("end", () => resolve(response.statusCode === 200 ? text : null));
        response.on("error", () => resolve(null));
      },
    );
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(null));
    asked.end(body);
  });
}
