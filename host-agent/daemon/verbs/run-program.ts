import { execFile } from "node:child_process";

export type Ran =
  | {
      readonly status: "ended";
      readonly code: number;
      readonly stdout: string;
      readonly stderr: string;
    }
  | { readonly status: "absent" };

const path = "/usr/sbin:/usr/bin:/sbin:/bin";
const outputBytesMax = 1_048_576;

/** Runs a program of the host without a shell, with a deadline and in plain English. */
export function runProgram(
  program: string,
  args: readonly string[],
  timeoutMs = 20_000,
): Promise<Ran> {
  return new Promise((resolve) => {
    const options = {
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      maxBuffer: outputBytesMax,
      env: { PATH: path, LC_ALL: "C", SYSTEMD_PAGER: "" },
    } as const;
    execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve({ status: "ended", code: 0, stdout, stderr });
      if (error.code === "ENOENT") return resolve({ status: "absent" });
      const code = typeof error.code === "number" ? error.code : 255;
      resolve({ status: "ended", code, stdout, stderr: stderr === "" ? error.message : stderr });
    });
  });
}
