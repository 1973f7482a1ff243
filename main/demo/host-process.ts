import { fork, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { FromHost, PowerAction, ToHost } from "../../host-agent/xapi-host/channel.ts";
import { demoNode, demoProgram } from "./programs.ts";
import type { Undertaker } from "./undertaker-pipe.ts";

/** The XAPI service of one host as the machine's service manager holds it. */
export interface XapiService {
  /** Starts it; `listening` follows, or `exited`. */
  start(): void;
  /** SIGKILL. `exited` follows. */
  kill(): void;
  /** SIGSTOP and SIGCONT. */
  hang(): void;
  resume(): void;
  send(message: ToHost): void;
}

export interface ServiceListener {
  listening(): void;
  power(action: PowerAction): void;
  /** milliseconds until the machine is reset unless it is fed again; null: disarmed */
  watchdog(timeoutMs: number | null): void;
  /** code null: ended by a signal */
  exited(code: number | null): void;
  powerOnPeer(hostUuid: string): Promise<boolean>;
}

export interface ProcessOptions {
  readonly undertaker: Undertaker;
  /** the host's own log; messages of its process end up there too */
  readonly logFile: string;
  readonly compileCache: string;
}

/** A process for one host: signals are the faults. */
export function serviceAlone(
  dir: string,
  options: ProcessOptions,
  listener: ServiceListener,
): XapiService {
  let child: ChildProcess | null = null;
  return {
    start() {
      const started = startProcess(["--dir", dir], options);
      child = started;
      started.on("message", (message) => hear(message as FromHost, listener, started));
      started.once("exit", (code) => {
        if (child === started) child = null;
        listener.exited(code);
      });
    },
    kill: () => child?.kill("SIGKILL"),
    hang: () => child?.kill("SIGSTOP"),
    resume: () => child?.kill("SIGCONT"),
    send: (message) => sendTo(child, message),
  };
}

/** A process that several hosts share; each still has its address, database copy and sessions. */
export interface SharedProcess {
  /** The part of one host. Its faults are acted out inside the process. */
  service(dir: string, listener: ServiceListener): XapiService;
}

export function startShared(options: ProcessOptions): SharedProcess {
  const listeners = new Map<string, ServiceListener>();
  let child: ChildProcess | null = null;
  const process_ = (): ChildProcess => {
    if (child !== null) return child;
    const started = startProcess([], options);
    child = started;
    started.on("message", (message) => {
      const told = message as FromHost;
      const listener = "dir" in told ? listeners.get(told.dir) : [...listeners.values()][0];
      if (listener !== undefined) hear(told, listener, started);
    });
    started.once("exit", (code) => {
      child = null;
      for (const listener of listeners.values()) listener.exited(code);
    });
    return started;
  };
  return {
    service(dir, listener) {
      listeners.set(dir, listener);
      return {
        start: () => sendTo(process_(), { type: "start", dir }),
        kill: () => sendTo(child, { type: "kill", dir }),
        hang: () => sendTo(child, { type: "freeze", dir }),
        resume: () => sendTo(child, { type: "thaw", dir }),
        send: (message) => sendTo(child, message),
      };
    },
  };
}

function startProcess(args: readonly string[], options: ProcessOptions): ChildProcess {
  const log = openSync(options.logFile, "a", 0o600);
  const child = fork(demoProgram("xapi-host"), [...args], {
    execPath: demoNode(),
    // A group of its own: the terminal's Ctrl-C reaches the owner, which stops hosts in order.
    detached: true,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    env: { ...process.env, NODE_COMPILE_CACHE: options.compileCache, NODE_OPTIONS: "" },
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const { pid } = child;
  if (pid !== undefined) {
    options.undertaker.began(pid);
    child.once("exit", () => options.undertaker.ended(pid));
  }
  return child;
}

function hear(message: FromHost, listener: ServiceListener, child: ChildProcess): void {
  switch (message.type) {
    case "listening":
      listener.listening();
      return;
    case "power":
      listener.power(message.action);
      return;
    case "watchdog":
      listener.watchdog(message.timeoutMs);
      return;
    case "exited":
      listener.exited(message.code);
      return;
    case "power-on-peer":
      void listener
        .powerOnPeer(message.hostUuid)
        .then((isAccepted) =>
          sendTo(child, { type: "peer-powered-on", id: message.id, isAccepted }),
        );
      return;
  }
}

function sendTo(child: ChildProcess | null, message: ToHost): void {
  // A process that has just gone needs nothing any more.
  if (child?.connected === true) child.send(message, () => {});
}
