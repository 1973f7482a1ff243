import { spawn } from "node:child_process";
import { Socket } from "node:net";
import { demoNode, demoProgram } from "./programs.ts";

/** This end of the pipe to the process that cleans up after a crash. */
export interface Undertaker {
  readonly pid: number | undefined;
  began(pid: number): void;
  ended(pid: number): void;
  /** Lets it do its work now; resolves when processes and folder are gone. */
  finish(): Promise<void>;
}

export function startUndertaker(folder: string, compileCache: string): Undertaker {
  const child = spawn(
    demoNode(),
    ["--disable-warning=ExperimentalWarning", demoProgram("undertaker"), folder],
    {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: { ...process.env, NODE_OPTIONS: "", NODE_COMPILE_CACHE: compileCache },
    },
  );
  // Neither the process nor its pipe keeps the pool's owner from leaving.
  child.unref();
  const pipe = child.stdin;
  pipe.on("error", () => {});
  if (pipe instanceof Socket) pipe.unref();
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    pid: child.pid,
    began: (pid) => void pipe.write(`+${pid}\n`),
    ended: (pid) => void pipe.write(`-${pid}\n`),
    finish() {
      child.ref();
      pipe.end();
      return gone;
    },
  };
}
