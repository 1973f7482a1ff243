import { createHash } from "node:crypto";
import ssh2 from "ssh2";
import type { ClientChannel, ConnectConfig, SFTPWrapper } from "ssh2";
import type { HostCommand } from "../contract/host-commands.ts";
import { readHostCommand } from "../contract/host-commands.ts";
import type { SshKey, SshLogin } from "../contract/install.ts";
import { HostFailure } from "./shell.ts";
import type {
  CommandResult,
  FileStat,
  HostShell,
  RunOptions,
  Upload,
  UploadProgress,
} from "./shell.ts";

/* The adapter on ssh2. It logs in only where the host key is the accepted one. */

export interface SshEndpoint {
  readonly host: string;
  readonly port: number;
}

export interface SshTarget {
  readonly endpoint: SshEndpoint;
  /** for sentences */
  readonly hostName: string;
  /** the accepted key; null: none was accepted, so nothing is sent */
  readonly trusted: SshKey | null;
  readonly user: string;
  readonly login: SshLogin;
  /** of the SSH agent, where `login` asks for it */
  readonly agentSocket?: string | undefined;
}

const connectTimeoutMs = 10_000;
const keepaliveMs = 2_000;
const keepaliveCount = 3;
const commandTimeoutMs = 60_000;
const outputBytesMax = 4_194_304;
const readBytesMax = 1_048_576;

/** The key of a raw public host key, as OpenSSH prints it. */
function keyOf(raw: Buffer): SshKey {
  const length = raw.length >= 4 ? raw.readUInt32BE(0) : 0;
  const type = raw.subarray(4, 4 + Math.min(length, 64)).toString("ascii");
  const hash = createHash("sha256").update(raw).digest("base64").replace(/=+$/u, "");
  return { type, fingerprint: `SHA256:${hash}` };
}

/**
 * Looks at the key a host shows. The handshake is refused right after: no name, no secret is
 * sent.
 */
export function lookAtKey(endpoint: SshEndpoint): Promise<SshKey> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let key: SshKey | null = null;
    const finish = (error: Error | null): void => {
      client.removeAllListeners();
      client.on("error", () => undefined);
      client.destroy();
      if (key !== null) resolve(key);
      else {
        reject(
          new HostFailure(
            "unreachable",
            `No SSH server answers at ${endpoint.host}, port ${endpoint.port}.`,
            "Check the address, and that SSH is on for this host.",
            error?.message ?? "",
          ),
        );
      }
    };
    client.on("error", finish);
    client.on("close", () => finish(null));
    connect(client, finish, {
      ...endpoint,
      username: "root",
      readyTimeout: connectTimeoutMs,
      hostVerifier: (raw: Buffer) => {
        key = keyOf(raw);
        return false;
      },
    });
  });
}

/** Logs in. Rejects with `HostFailure`; a key that is not the accepted one ends it before the login. */
export function openSsh(target: SshTarget): Promise<HostShell> {
  const { trusted, hostName } = target;
  if (trusted === null) {
    return Promise.reject(
      new HostFailure(
        "key-unknown",
        `The SSH key of “${hostName}” was not accepted yet.`,
        "Compare its fingerprint and accept it.",
      ),
    );
  }
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let shown: SshKey | null = null;
    let isOver = false;
    const fail = (error: Error & { level?: string }): void => {
      if (isOver) return;
      isOver = true;
      client.destroy();
      reject(openFailure(target, error, shown));
    };
    client.on("error", fail);
    client.on("close", () => fail(new Error("closed before the login")));
    client.on("ready", () => {
      isOver = true;
      resolve(new SshShell(client, hostName));
    });
    connect(client, fail, {
      ...target.endpoint,
      username: target.user,
      readyTimeout: connectTimeoutMs,
      keepaliveInterval: keepaliveMs,
      keepaliveCountMax: keepaliveCount,
      hostVerifier: (raw: Buffer) => {
        shown = keyOf(raw);
        return shown.fingerprint === trusted.fingerprint;
      },
      ...credentials(target),
    });
  });
}

/** A key that cannot be parsed makes `connect` throw. */
function connect(client: ssh2.Client, fail: (error: Error) => void, config: ConnectConfig): void {
  try {
    client.connect(config);
  } catch (error) {
    fail(error instanceof Error ? error : new Error(String(error)));
  }
}

function credentials({ login, agentSocket }: SshTarget): ConnectConfig {
  switch (login.kind) {
    case "password":
      return { password: login.password };
    case "key":
      return login.passphrase === undefined
        ? { privateKey: login.privateKey }
        : { privateKey: login.privateKey, passphrase: login.passphrase };
    case "agent":
      return agentSocket === undefined ? {} : { agent: agentSocket };
  }
}

function openFailure(
  target: SshTarget,
  error: Error & { level?: string },
  shown: SshKey | null,
): HostFailure {
  const { hostName, trusted, endpoint } = target;
  if (shown !== null && shown.fingerprint !== trusted?.fingerprint) {
    return new HostFailure(
      "key-changed",
      `“${hostName}” shows another SSH key (${shown.fingerprint}) than the accepted one (${trusted?.fingerprint ?? "none"}).`,
      "Find out whether the host was installed anew before anything is sent to it.",
    );
  }
  if (error.level === "client-authentication") {
    return new HostFailure(
      "login-refused",
      `“${hostName}” refused the login as ${target.user}.`,
      "Check the password or key, and that root may log in over SSH.",
    );
  }
  if (/privateKey|passphrase|Encrypted|key format/iu.test(error.message)) {
    return new HostFailure(
      "login-refused",
      "The private key cannot be used.",
      "Check the key and its passphrase.",
    );
  }
  return new HostFailure(
    "unreachable",
    `“${hostName}” cannot be reached over SSH at ${endpoint.host}, port ${endpoint.port}.`,
    "Check its power, its network, and that SSH is on.",
    error.message,
  );
}

class SshShell implements HostShell {
  readonly #client: ssh2.Client;
  readonly #hostName: string;
  readonly #closed = new Set<() => void>();
  #sftp: Promise<SFTPWrapper> | null = null;
  #isClosed = false;

  constructor(client: ssh2.Client, hostName: string) {
    this.#client = client;
    this.#hostName = hostName;
    client.removeAllListeners("error");
    client.removeAllListeners("close");
    client.on("error", () => this.#end());
    client.on("close", () => this.#end());
  }

  run(command: HostCommand, options: RunOptions = {}): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const output = { stdout: "", stderr: "", code: null as number | null };
      const settle = this.#settler(reject, options);
      this.#exec(command, settle.fail, (channel) => {
        settle.onEnd(() => channel.destroy());
        const take = (name: "stdout" | "stderr") => (chunk: Buffer) => {
          output[name] += chunk.toString("utf8");
          if (output[name].length > outputBytesMax) settle.fail(this.#tooLong(command));
        };
        channel.on("data", take("stdout"));
        channel.stderr.on("data", take("stderr"));
        channel.on("exit", (code: number | null) => {
          output.code = code;
        });
        channel.on("error", () => settle.fail(this.#lost()));
        channel.on("close", () => {
          const { code, stdout, stderr } = output;
          if (code === null) return settle.fail(this.#lost());
          settle.done(() => resolve({ code, stdout, stderr }));
        });
        channel.end(options.stdin ?? "");
      });
    });
  }

  follow(command: HostCommand, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = this.#settler(reject, { timeoutMs: Number.POSITIVE_INFINITY });
      if (signal.aborted) return settle.done(resolve);
      this.#exec(command, settle.fail, (channel) => {
        let rest = "";
        const stop = (): void => settle.done(resolve);
        signal.addEventListener("abort", stop, { once: true });
        settle.onEnd(() => {
          signal.removeEventListener("abort", stop);
          channel.destroy();
        });
        channel.setEncoding("utf8");
        channel.on("data", (chunk: string) => {
          const rows = (rest + chunk).split("\n");
          rest = rows.pop() ?? "";
          if (rest.length > outputBytesMax) settle.fail(this.#tooLong(command));
          for (const row of rows) if (row !== "") onLine(row);
        });
        channel.stderr.resume();
        channel.on("error", () => settle.fail(this.#lost()));
        channel.on("close", () => settle.done(resolve));
      });
    });
  }

  async readFile(path: string, bytesMax = readBytesMax): Promise<Buffer | null> {
    const sftp = await this.#files();
    const handle = await this.#call<Buffer>((done) => sftp.open(path, "r", done)).catch(absent);
    if (handle === null) return null;
    const chunks: Buffer[] = [];
    let offset = 0;
    try {
      while (offset < bytesMax) {
        // Files of /proc have no size: they are read until they end.
        const chunk = await this.#readChunk(sftp, handle, offset);
        if (chunk === null) break;
        chunks.push(chunk);
        offset += chunk.length;
      }
    } finally {
      sftp.close(handle, () => undefined);
    }
    return Buffer.concat(chunks);
  }

  async stat(path: string): Promise<FileStat | null> {
    const sftp = await this.#files();
    const found = await this.#call<ssh2.Stats>((done) => sftp.lstat(path, done)).catch(absent);
    if (found === null) return null;
    return { kind: kindOf(found), sizeBytes: found.size };
  }

  async readLink(path: string): Promise<string | null> {
    const sftp = await this.#files();
    return this.#call<string>((done) => sftp.readlink(path, done)).catch(() => null);
  }

  async list(path: string): Promise<readonly string[]> {
    const sftp = await this.#files();
    const found = await this.#call<ssh2.FileEntryWithStats[]>((done) =>
      sftp.readdir(path, done),
    ).catch(absent);
    return (found ?? []).map(({ filename }) => filename);
  }

  async makeFolder(path: string, mode: number): Promise<void> {
    if ((await this.stat(path))?.kind === "folder") return;
    const sftp = await this.#files();
    await this.#call<void>((done) => sftp.mkdir(path, { mode }, done));
  }

  async setMode(path: string, mode: number): Promise<void> {
    const sftp = await this.#files();
    await this.#call<void>((done) => sftp.chmod(path, mode, done));
  }

  async removeFile(path: string): Promise<void> {
    const sftp = await this.#files();
    await this.#call<void>((done) => sftp.unlink(path, done)).catch(absent);
  }

  async removeFolder(path: string): Promise<void> {
    if (await this.#isMissing(path)) return;
    if ((await this.list(path)).length > 0) return;
    const sftp = await this.#files();
    await this.#call<void>((done) => sftp.rmdir(path, done)).catch(absent);
  }

  async putLink(path: string, target: string): Promise<void> {
    const sftp = await this.#files();
    const beside = `${path}.new`;
    await this.removeFile(beside);
    // The protocol says (link, target); OpenSSH reads (target, link), and ssh2 sends that to it.
    await this.#call<void>((done) => sftp.symlink(target, beside, done));
    await this.#call<void>((done) => sftp.ext_openssh_rename(beside, path, done));
  }

  async upload({ content, path, onProgress, signal }: Upload): Promise<UploadProgress> {
    const sftp = await this.#files();
    const there = await this.stat(path);
    // Writes are answered in order, so what is there is a prefix; the hash of the whole proves it.
    const resumedFrom =
      there?.kind === "file" && there.sizeBytes <= content.length ? there.sizeBytes : 0;
    const flags = resumedFrom > 0 ? "r+" : "w";
    const handle = await this.#call<Buffer>((done) =>
      sftp.open(path, flags, { mode: 0o600 }, done),
    );
    const progress = { sent: resumedFrom, total: content.length, resumedFrom };
    let isWhole = false;
    try {
      await this.#writeAll(sftp, { handle, content, progress, onProgress, signal });
      isWhole = true;
    } finally {
      await this.#call<void>((done) => sftp.close(handle, done)).catch((error: unknown) => {
        if (isWhole) throw error;
      });
    }
    return progress;
  }

  onClose(listener: () => void): void {
    if (this.#isClosed) listener();
    else this.#closed.add(listener);
  }

  close(): void {
    this.#client.end();
    this.#end();
  }

  /** Several writes under way at a time, started in order. */
  async #writeAll(
    sftp: SFTPWrapper,
    { handle, content, progress, onProgress, signal }: Writing,
  ): Promise<void> {
    let next = progress.resumedFrom;
    let shown = next;
    const lane = async (): Promise<void> => {
      while (next < content.length) {
        if (signal?.aborted === true) throw stopped();
        const start = next;
        next = Math.min(next + chunkBytes, content.length);
        const length = next - start;
        await this.#call<void>((done) => sftp.write(handle, content, start, length, start, done));
        progress.sent += length;
        const isStep = progress.sent - shown >= progressBytes || progress.sent === content.length;
        if (isStep) {
          shown = progress.sent;
          onProgress({ ...progress });
        }
      }
    };
    onProgress({ ...progress });
    await Promise.all(Array.from({ length: writesUnderWay }, lane));
  }

  async #isMissing(path: string): Promise<boolean> {
    return (await this.stat(path)) === null;
  }

  async #readChunk(sftp: SFTPWrapper, handle: Buffer, offset: number): Promise<Buffer | null> {
    const buffer = Buffer.alloc(chunkBytes);
    return new Promise((resolve, reject) => {
      const settle = this.#settler(reject, {});
      sftp.read(handle, buffer, 0, chunkBytes, offset, (error, count) => {
        if (error !== undefined && error !== null) {
          const isEnd = (error as Error & { code?: number }).code === 1;
          return isEnd ? settle.done(() => resolve(null)) : settle.fail(this.#fileFailure(error));
        }
        settle.done(() => resolve(count === 0 ? null : buffer.subarray(0, count)));
      });
    });
  }

  #files(): Promise<SFTPWrapper> {
    this.#sftp ??= this.#call<SFTPWrapper>((done) => this.#client.sftp(done));
    return this.#sftp;
  }

  /**
   * A callback of ssh2 as a promise that also ends when the connection does: ssh2 forgets
   * those.
   */
  #call<T>(act: (done: (error?: Error | null, value?: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = this.#settler(reject, {});
      if (this.#isClosed) return settle.fail(this.#lost());
      try {
        act((error, value) => {
          if (error !== undefined && error !== null) settle.fail(this.#fileFailure(error));
          else settle.done(() => resolve(value as T));
        });
      } catch (error) {
        settle.fail(this.#lost(error));
      }
    });
  }

  #exec(
    command: HostCommand,
    fail: (error: Error) => void,
    then: (channel: ClientChannel) => void,
  ): void {
    // The last gate: whoever made the command, only a line of the list leaves.
    if (readHostCommand(command.line) === null) {
      return fail(new Error(`not in the list of host commands: ${command.id}`));
    }
    if (this.#isClosed) return fail(this.#lost());
    try {
      this.#client.exec(command.line, (error, channel) => {
        if (error !== undefined) fail(this.#lost(error));
        else then(channel);
      });
    } catch (error) {
      fail(this.#lost(error));
    }
  }

  #settler(reject: (error: Error) => void, options: RunOptions): Settler {
    let isOver = false;
    const ends: (() => void)[] = [];
    const timeoutMs = options.timeoutMs ?? commandTimeoutMs;
    const end = (then: () => void): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      this.#closed.delete(onLost);
      options.signal?.removeEventListener("abort", onAbort);
      then();
      for (const one of ends) one();
    };
    const fail = (error: Error): void => end(() => reject(error));
    const onLost = (): void => fail(this.#lost());
    const onAbort = (): void => fail(stopped());
    const timer = Number.isFinite(timeoutMs)
      ? setTimeout(() => fail(this.#timeout()), timeoutMs)
      : undefined;
    this.#closed.add(onLost);
    options.signal?.addEventListener("abort", onAbort, { once: true });
    return { fail, done: end, onEnd: (one) => void ends.push(one) };
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const listeners = [...this.#closed];
    this.#closed.clear();
    for (const listener of listeners) listener();
  }

  #lost(cause?: unknown): HostFailure {
    return new HostFailure(
      "connection-lost",
      `The SSH connection to “${this.#hostName}” was lost.`,
      "Start the same again when the host can be reached: it goes on where it was.",
      cause instanceof Error ? cause.message : "",
    );
  }

  #timeout(): HostFailure {
    return new HostFailure(
      "timeout",
      `“${this.#hostName}” did not answer in time.`,
      "Look at the load and the disks of the host, then start the same again.",
    );
  }

  #tooLong(command: HostCommand): HostFailure {
    return new HostFailure(
      "wrong-answer",
      `“${this.#hostName}” answered ${command.id} with more than is read.`,
      "Look at the host.",
    );
  }

  #fileFailure(error: Error): HostFailure {
    const code = (error as Error & { code?: number }).code;
    const text = error.message;
    if (code === 2) return new HostFailure("file-refused", "It is not there.", "", absentMark);
    // SFTP has no code for a full disk: OpenSSH says plain failure, for writes that is all but
    // always it.
    if (code === 4) {
      return new HostFailure(
        "disk-full",
        `“${this.#hostName}” could not write: its disk is full, or refuses writes.`,
        "Free some space on it, then start the same again.",
        text,
      );
    }
    return new HostFailure(
      "file-refused",
      `“${this.#hostName}” refused a file operation: ${text}.`,
      "Look at the rights and file systems of the host.",
      text,
    );
  }
}

interface Writing {
  readonly handle: Buffer;
  readonly content: Buffer;
  readonly progress: { sent: number; readonly total: number; readonly resumedFrom: number };
  readonly onProgress: (progress: UploadProgress) => void;
  readonly signal: AbortSignal | undefined;
}

interface Settler {
  fail(error: Error): void;
  done(then: () => void): void;
  onEnd(then: () => void): void;
}

const chunkBytes = 32_768;
const writesUnderWay = 32;
const progressBytes = 524_288;
const absentMark = "absent";

/** A missing file as null; everything else stays a failure. */
function absent(error: unknown): null {
  if (error instanceof HostFailure && error.detail === absentMark) return null;
  throw error;
}

function stopped(): HostFailure {
  return new HostFailure("stopped", "It was stopped.", "Start it again to go on.");
}

function kindOf(stats: ssh2.Stats): FileStat["kind"] {
  if (stats.isSymbolicLink()) return "link";
  if (stats.isDirectory()) return "folder";
  return stats.isFile() ? "file" : "other";
}
