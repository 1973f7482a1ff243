import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { LeaveKind, Role } from "../../core/journal-event.ts";

/*
 * A heartbeat as bytes. Fixed fields first, then counted ones, then what a later version may add
 * and this one skips, then HMAC-SHA256 over all of it under a key made from the pool's. About 210
 * bytes.
 *
 *   "SKB" version(1) pool(8) from(8) to(8) path(4) instance(8) seq(8) flags(1)
 *   sentMono(8) sentWall(8) echoMono(8) held(8) challenge(8) interval(2) zero(6)
 *   echoes: count(1) of 8 | boot, version, digest: length(1) text | hears: count(1) of 4 | mac(32)
 *
 * Hosts, pool and paths travel as the first bytes of a SHA-256 of their names.
 */

export const datagramBytesMax = 1_200;
const macBytes = 32;
const magic = Buffer.from("SKB");
const fixedBytes = 98;
const echoesMax = 4;

/** Hex text of 16 characters: 8 random bytes. */
export type Nonce = string;

export interface WireBeat {
  readonly protocol: number;
  readonly pool: string;
  readonly from: string;
  readonly to: string;
  readonly path: string;
  readonly instance: Nonce;
  readonly seq: number;
  readonly hearsYou: boolean;
  readonly role: Role;
  readonly leaving: LeaveKind | null;
  readonly sentMonoMs: number;
  readonly sentWallMs: number;
  /** the receiver's own `sentMonoMs` of its beat heard last, and how long it was held; null before */
  readonly echo: { readonly monoMs: number; readonly heldMs: number } | null;
  /** what the receiver has to echo to prove a round trip */
  readonly challenge: Nonce;
  readonly beatIntervalMs: number;
  readonly echoes: readonly Nonce[];
  readonly boot: string;
  readonly version: string;
  readonly digest: string;
  /** short marks of hosts */
  readonly hears: readonly string[];
}

/** Marks are hex: 16 characters for hosts and pools, 8 where many travel at once. */
export function markOf(name: string): string {
  return createHash("sha256").update(name).digest("hex").slice(0, 16);
}

export function shortMarkOf(name: string): string {
  return markOf(name).slice(0, 8);
}

/** The key that beats are signed with; the pool's own key signs nothing directly. */
export function beatKey(poolKey: Buffer): Buffer {
  return createHmac("sha256", poolKey).update("skink heartbeat 1").digest();
}

const roles: readonly Role[] = ["unknown", "coordinator", "supporter"];
const leaves: readonly (LeaveKind | null)[] = [null, "reboot", "shutdown", "agent-stop"];

export function encodeBeat(beat: WireBeat, key: Buffer): Buffer {
  const fixed = Buffer.alloc(fixedBytes);
  magic.copy(fixed, 0);
  fixed.writeUInt8(beat.protocol, 3);
  fixed.write(beat.pool, 4, 8, "hex");
  fixed.write(beat.from, 12, 8, "hex");
  fixed.write(beat.to, 20, 8, "hex");
  fixed.write(beat.path, 28, 4, "hex");
  fixed.write(beat.instance, 32, 8, "hex");
  fixed.writeBigUInt64BE(BigInt(beat.seq), 40);
  const flags =
    (beat.hearsYou ? 1 : 0) | (roles.indexOf(beat.role) << 1) | (leaves.indexOf(beat.leaving) << 3);
  fixed.writeUInt8(flags, 48);
  fixed.writeDoubleBE(beat.sentMonoMs, 49);
  fixed.writeDoubleBE(beat.sentWallMs, 57);
  fixed.writeDoubleBE(beat.echo?.monoMs ?? Number.NaN, 65);
  fixed.writeDoubleBE(beat.echo?.heldMs ?? Number.NaN, 73);
  fixed.write(beat.challenge, 81, 8, "hex");
  fixed.writeUInt16BE(beat.beatIntervalMs, 89);
  // 91 to 96 are zero: room for a term.
  fixed.writeUInt8(beat.echoes.length, 97);
  const body = Buffer.concat([
    fixed,
    ...beat.echoes.map((echo) => Buffer.from(echo, "hex")),
    ...[beat.boot, beat.version, beat.digest].map(countedText),
    Buffer.from([beat.hears.length]),
    ...beat.hears.map((mark) => Buffer.from(mark, "hex")),
  ]);
  return Buffer.concat([body, sign(body, key)]);
}

export type Decoded =
  | { readonly status: "authentic"; readonly beat: WireBeat }
  | { readonly status: "refused"; readonly reason: string };

/** Nothing of a datagram is looked into before its signature holds, except its length and magic. */
export function decodeBeat(datagram: Buffer, key: Buffer): Decoded {
  if (datagram.length > datagramBytesMax) return { status: "refused", reason: "too-long" };
  const isBeat = datagram.length >= fixedBytes + macBytes && datagram.subarray(0, 3).equals(magic);
  if (!isBeat) return { status: "refused", reason: "malformed" };
  const body = datagram.subarray(0, datagram.length - macBytes);
  if (!timingSafeEqual(sign(body, key), datagram.subarray(body.length))) {
    return { status: "refused", reason: "wrong-key" };
  }
  const beat = readBody(body);
  return beat === null ? { status: "refused", reason: "malformed" } : { status: "authentic", beat };
}

function readBody(body: Buffer): WireBeat | null {
  const flags = body.readUInt8(48);
  const role = roles[(flags >> 1) & 3];
  const leaving = leaves[(flags >> 3) & 3];
  const seq = Number(body.readBigUInt64BE(40));
  const counted = readCounted(body);
  if (role === undefined || leaving === undefined || counted === null) return null;
  if (!Number.isSafeInteger(seq)) return null;
  const echoMonoMs = body.readDoubleBE(65);
  const heldMs = body.readDoubleBE(73);
  const hasEcho = Number.isFinite(echoMonoMs) && Number.isFinite(heldMs) && heldMs >= 0;
  const sentMonoMs = body.readDoubleBE(49);
  const sentWallMs = body.readDoubleBE(57);
  if (!Number.isFinite(sentMonoMs) || !Number.isFinite(sentWallMs)) return null;
  return {
    protocol: body.readUInt8(3),
    pool: body.toString("hex", 4, 12),
    from: body.toString("hex", 12, 20),
    to: body.toString("hex", 20, 28),
    path: body.toString("hex", 28, 32),
    instance: body.toString("hex", 32, 40),
    seq,
    hearsYou: (flags & 1) === 1,
    role,
    leaving,
    sentMonoMs,
    sentWallMs,
    echo: hasEcho ? { monoMs: echoMonoMs, heldMs } : null,
    challenge: body.toString("hex", 81, 89),
    beatIntervalMs: body.readUInt16BE(89),
    ...counted,
  };
}

function readCounted(
  body: Buffer,
): Pick<WireBeat, "echoes" | "boot" | "version" | "digest" | "hears"> | null {
  let at = 97;
  const take = (bytes: number): Buffer | null => {
    if (at + bytes > body.length) return null;
    at += bytes;
    return body.subarray(at - bytes, at);
  };
  const takeMany = (bytes: number, countMax: number): string[] | null => {
    const count = take(1)?.readUInt8(0) ?? 256;
    if (count > countMax) return null;
    const found = Array.from({ length: count }, () => take(bytes)?.toString("hex") ?? null);
    return found.includes(null) ? null : (found as string[]);
  };
  const takeText = (): string | null => {
    const length = take(1)?.readUInt8(0);
    return length === undefined ? null : (take(length)?.toString("utf8") ?? null);
  };
  const echoes = takeMany(8, echoesMax);
  const boot = takeText();
  const version = takeText();
  const digest = takeText();
  const hears = takeMany(4, 64);
  if (echoes === null || boot === null || version === null || digest === null) return null;
  return hears === null ? null : { echoes, boot, version, digest, hears };
}

function countedText(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8").subarray(0, 64);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function sign(body: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", key).update(body).digest();
}
