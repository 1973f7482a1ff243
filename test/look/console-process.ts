import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const readyTimeoutMs = 90_000;
const endTimeoutMs = 20_000;

/** What `demo --json` prints; without a demo pool only the link. */
export interface ConsoleFacts {
  readonly url: string;
  readonly hosts: readonly { readonly name: string; readonly xapiUrl: string }[];
  readonly user: string;
  readonly password: string;
}

export interface ConsoleProcess extends ConsoleFacts {
  stop(): Promise<void>;
}

/** The console as a person starts it, in browser mode, with settings of its own. */
export async function startConsole(
  kind: { readonly demo: "two" | "sixteen" | "large" } | "without-demo",
): Promise<ConsoleProcess> {
  const settings = mkdtempSync(join(tmpdir(), "skink-look-"));
  const args =
    kind === "without-demo"
      ? ["serve", "--no-open"]
      : ["demo", "--json", "--no-open", "--preset", kind.demo];
  const child = spawn(process.execPath, [join(root, "main/shells/command.ts"), ...args], {
    cwd: root,
    env: { ...process.env, XDG_CONFIG_HOME: settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-4000);
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), endTimeoutMs);
    await ended;
    clearTimeout(timer);
    rmSync(settings, { recursive: true, force: true });
  };
  const ready = new Promise<ConsoleFacts>((resolve, reject) => {
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const facts = readFacts(output);
      if (facts !== null) {
        resolve(facts);
      }
    });
    setTimeout(() => reject(new Error(`not ready in time: ${said}`)), readyTimeoutMs).unref();
    void ended.then(() => reject(new Error(`ended before it was ready: ${said}`)));
  });
  try {
    return { ...(await ready), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function readFacts(output: string): ConsoleFacts | null {
  for (const line of output.split("\n").slice(0, -1)) {
    const url = /^Console: (http\S+)/u.exec(line)?.[1];
    if (url !== undefined) {
      return { url, hosts: [], user: "", password: "" };
    }
    if (line.startsWith("{")) {
      return JSON.parse(line) as ConsoleFacts;
    }
  }
  return null;
}
