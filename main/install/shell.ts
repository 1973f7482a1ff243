import type { HostCommand } from "../contract/host-commands.ts";

/*
 * What the roll-out needs of a host: the fixed commands, and files over SFTP. `ssh.ts` is the one
 * real one.
 */

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** for verbs that read standard input; never logged */
  readonly stdin?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Upload {
  readonly content: Buffer;
  readonly path: string;
  readonly onProgress: (bytes: UploadProgress) => void;
  readonly signal?: AbortSignal;
}

export interface UploadProgress {
  /** bytes on the host now */
  readonly sent: number;
  readonly total: number;
  /** bytes that were there from an earlier attempt */
  readonly resumedFrom: number;
}

export interface FileStat {
  readonly kind: "file" | "folder" | "link" | "other";
  readonly sizeBytes: number;
}

/** One logged-in connection to a host. Every method rejects with `HostFailure`. */
export interface HostShell {
  run(command: HostCommand, options?: RunOptions): Promise<CommandResult>;
  /** Streams lines until the signal aborts or the other end stops; resolves then. */
  follow(command: HostCommand, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  /** null when it is not there */
  readFile(path: string, bytesMax?: number): Promise<Buffer | null>;
  stat(path: string): Promise<FileStat | null>;
  readLink(path: string): Promise<string | null>;
  list(path: string): Promise<readonly string[]>;
  makeFolder(path: string, mode: number): Promise<void>;
  setMode(path: string, mode: number): Promise<void>;
  /** harmless when it is not there */
  removeFile(path: string): Promise<void>;
  /** harmless when it is not there or not empty */
  removeFolder(path: string): Promise<void>;
  /** replaces a link by rename */
  putLink(path: string, target: string): Promise<void>;
  upload(upload: Upload): Promise<UploadProgress>;
  onClose(listener: () => void): void;
  close(): void;
}

export type HostFailureCode =
  | "unreachable"
  | "connection-lost"
  | "login-refused"
  | "key-unknown"
  | "key-changed"
  | "timeout"
  | "disk-full"
  | "file-refused"
  | "verb-refused"
  | "wrong-answer"
  | "wrong-hash"
  | "not-heard"
  | "not-healthy"
  | "stopped";

/** Anything that goes wrong with a host, with the sentence for the person. */
export class HostFailure extends Error {
  readonly code: HostFailureCode;
  readonly nextStep: string;
  readonly detail: string;
  constructor(code: HostFailureCode, sentence: string, nextStep: string, detail = "") {
    super(sentence);
    this.name = "HostFailure";
    this.code = code;
    this.nextStep = nextStep;
    this.detail = detail;
  }
}

/** Whether trying the same again on a new connection may help. */
export function isLoss(error: unknown): boolean {
  if (!(error instanceof HostFailure)) return false;
  return error.code === "connection-lost" || error.code === "unreachable";
}
