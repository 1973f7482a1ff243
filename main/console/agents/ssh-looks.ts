import { z } from "zod";
import { sshKeySchema } from "../../contract/install.ts";
import type { SshKey, SshLook } from "../../contract/install.ts";
import { HostFailure } from "../../install/shell.ts";
import { lookAtKey } from "../../install/ssh.ts";
import type { SshEndpoint } from "../../install/ssh.ts";
import { actAndProve } from "../ha/proof.ts";
import type { Explain } from "../ha/proof.ts";
import type { PoolRecords, PoolSession } from "../pool-session.ts";
import { problem } from "../problem.ts";
import { mapOf } from "../verdict/read.ts";
import type { AgentMember } from "./members.ts";
import type { SshTrust } from "./ssh-trust.ts";

/*
 * SSH host keys: looked at, accepted by a person, cross-checked through XAPI. XAPI itself knows no
 * SSH
 * keys, so the first console that accepts one notes it in the host's record, over the verified TLS
 * connection; any other console, or this one after it forgot, compares with that.
 */
const sshKeyNote = "skink.ssh-key";

export interface KeyContext {
  readonly members: readonly AgentMember[];
  readonly trust: SshTrust;
  readonly trustName: (uuid: string) => string;
  readonly endpoint: (member: AgentMember) => SshEndpoint;
  readonly session: PoolSession;
  readonly explain: Explain;
  readonly owner: string;
  readonly nowMs: () => number;
  readonly isLasting: boolean;
}

const noteSchema = sshKeySchema.extend({ by: z.string(), atMs: z.number() });

export function lookAtKeys(context: KeyContext): Promise<SshLook[]> {
  return Promise.all(context.members.map((member) => lookAt(context, member)));
}

async function lookAt(context: KeyContext, member: AgentMember): Promise<SshLook> {
  const trustedKey = context.trust.find(context.trustName(member.uuid));
  const about = {
    hostUuid: member.uuid,
    hostName: member.name,
    address: member.address,
    trustedKey,
    verifyCommand: "ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub",
  };
  try {
    const key = await lookAtKey(context.endpoint(member));
    return {
      ...about,
      key,
      ...judged(member, key, trustedKey),
      crossCheck: crossCheck(context, member, key),
    };
  } catch (failure) {
    const sentence =
      failure instanceof HostFailure ? failure.message : "It could not be looked at.";
    return {
      ...about,
      key: null,
      state: "unreachable",
      sentence,
      crossCheck: { state: "no-record", sentence: "There is no key to compare." },
    };
  }
}

function judged(
  { name }: AgentMember,
  key: SshKey,
  trusted: SshKey | null,
): Pick<SshLook, "state" | "sentence"> {
  if (trusted === null) {
    return {
      state: "first-use",
      sentence: `The SSH key of “${name}” is new here. Compare it at the host's own console.`,
    };
  }
  if (trusted.fingerprint === key.fingerprint) {
    return { state: "trusted", sentence: `“${name}” shows the key that was accepted.` };
  }
  return {
    state: "changed",
    sentence: `“${name}” shows another SSH key than the accepted one. It was installed anew, or something stands in between. Nothing is sent to it.`,
  };
}

function crossCheck(
  { session }: KeyContext,
  { uuid, name }: AgentMember,
  key: SshKey,
): SshLook["crossCheck"] {
  const note = noteOf(session.records(), uuid);
  if (note === null) {
    return { state: "no-record", sentence: "The pool's record of this host names no SSH key." };
  }
  const day = new Date(note.atMs).toISOString().slice(0, 10);
  return note.fingerprint === key.fingerprint
    ? {
        state: "agrees",
        sentence: `The pool's record of “${name}” names this key, accepted by ${note.by} on ${day}.`,
      }
    : {
        state: "differs",
        sentence: `The pool's record of “${name}” names another key (${note.fingerprint}), accepted by ${note.by} on ${day}.`,
      };
}

function noteOf(records: PoolRecords, uuid: string): z.infer<typeof noteSchema> | null {
  const host = records.byUuid("host", uuid)?.record;
  const text = mapOf(host, "other_config")[sshKeyNote];
  if (text === undefined) return null;
  try {
    return noteSchema.parse(JSON.parse(text));
  } catch {
    // Somebody else's text under this name says nothing.
    return null;
  }
}

/** Takes each key only while the host still shows just that one. */
export async function trustKeys(
  context: KeyContext,
  keys: readonly { readonly hostUuid: string; readonly fingerprint: string }[],
): Promise<void> {
  for (const { hostUuid, fingerprint } of keys) {
    const member = context.members.find(({ uuid }) => uuid === hostUuid);
    if (member === undefined) {
      throw problem("unknown-host", "This host is not known.", "Look at the hosts again.");
    }
    const shown = await lookAtKey(context.endpoint(member)).catch((failure: unknown) => {
      const sentence = failure instanceof HostFailure ? failure.message : "It cannot be reached.";
      throw problem("unreachable", sentence, "Try again when the host answers.", {
        retryable: true,
      });
    });
    if (shown.fingerprint !== fingerprint) {
      throw problem(
        "key-changed",
        `“${member.name}” shows ${shown.fingerprint} now, not ${fingerprint}.`,
        "Look at the keys again, and find out why it changed.",
      );
    }
    await context.trust.trust(context.trustName(hostUuid), shown, context.isLasting);
    await note(context, member, shown).catch(() => undefined);
  }
}

/** For others to compare with. The trust of this console does not hang on it. */
async function note(context: KeyContext, { uuid }: AgentMember, key: SshKey): Promise<void> {
  const { session, explain, owner } = context;
  const host = session.records().byUuid("host", uuid);
  if (host === undefined || session.connection().status !== "live") return;
  if (noteOf(session.records(), uuid)?.fingerprint === key.fingerprint) return;
  const value = JSON.stringify({ ...key, by: owner, atMs: context.nowMs() });
  await actAndProve(
    { session, explain },
    async () => {
      await session.call("host.remove_from_other_config", host.ref, sshKeyNote);
      await session.call("host.add_to_other_config", host.ref, sshKeyNote, value);
    },
    {
      what: "the accepted SSH key is noted in the host's record",
      holds: (records) => noteOf(records, uuid)?.fingerprint === key.fingerprint,
      timeoutMs: 20_000,
      repeatable: "when-unseen",
    },
  );
}
