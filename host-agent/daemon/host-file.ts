import { readFileSync } from "node:fs";
import { hostFileSchema } from "../contract/settings.ts";
import type { HostFile } from "../contract/settings.ts";

export type CheckedHostFile =
  | { readonly status: "valid"; readonly hostFile: HostFile }
  | { readonly status: "absent" }
  | { readonly status: "invalid"; readonly problems: readonly string[] };

export function checkHostFile(text: string): CheckedHostFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { status: "invalid", problems: ["the text is not JSON"] };
  }
  const parsed = hostFileSchema.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.join(".")}: ${message}`,
    );
    return { status: "invalid", problems };
  }
  const problems = relations(parsed.data);
  if (problems.length > 0) return { status: "invalid", problems };
  return { status: "valid", hostFile: parsed.data };
}

export function readHostFile(file: string): CheckedHostFile {
  try {
    return checkHostFile(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { status: "absent" };
    return { status: "invalid", problems: [(error as Error).message] };
  }
}

function relations({ host, paths, peers }: HostFile): string[] {
  const names = paths.map(({ name }) => name);
  const uuids = [host.uuid, ...peers.map(({ uuid }) => uuid)];
  const problems: string[] = [];
  if (new Set(names).size < names.length) problems.push("two paths have one name");
  if (new Set(uuids).size < uuids.length) problems.push("two hosts have one uuid");
  for (const peer of peers) {
    const strange = Object.keys(peer.addresses).filter((name) => !names.includes(name));
    if (strange.length > 0) problems.push(`${peer.name} has an address on no path: ${strange[0]}`);
    if (Object.keys(peer.addresses).length === 0) problems.push(`${peer.name} has no address`);
  }
  return problems;
}

/** 32 random bytes in hex; null when the text is anything else. */
export function parseKey(text: string): Buffer | null {
  return /^[0-9a-f]{64}\s*$/i.test(text) ? Buffer.from(text.trim(), "hex") : null;
}
