import type { SFTPWrapper } from "ssh2";

/*
 * OpenSSH tells its clients in the first answer that it renames over what is there; ssh2's server
 * has the request but no way to tell. Its first answer is replaced here, one packet per session.
 */

export const posixRename = "posix-rename@openssh.com";

interface Insides {
  _protocol: { channelData(channel: number, data: Buffer): void };
  readonly outgoing: { window: number };
}

export function announcePosixRename(sftp: SFTPWrapper): void {
  const insides = sftp as unknown as Insides;
  const protocol = insides._protocol;
  insides._protocol = Object.create(protocol, {
    channelData: {
      value(channel: number, data: Buffer): void {
        insides._protocol = protocol;
        const first = data.equals(plainVersion) ? versionWithRename : data;
        insides.outgoing.window -= first.length - data.length;
        protocol.channelData(channel, first);
      },
    },
  }) as Insides["_protocol"];
}

/** The two strings of the request; null when it is not made of two. */
export function twoStrings(data: Buffer): readonly [string, string] | null {
  const first = stringAt(data, 0);
  const second = first === null ? null : stringAt(data, first.end);
  return first === null || second === null ? null : [first.text, second.text];
}

function stringAt(
  data: Buffer,
  at: number,
): { readonly text: string; readonly end: number } | null {
  if (at + 4 > data.length) return null;
  const end = at + 4 + data.readUInt32BE(at);
  return end > data.length ? null : { text: data.toString("utf8", at + 4, end), end };
}

const versionBody = Buffer.from([2, 0, 0, 0, 3]);
const plainVersion = packet(versionBody);
const versionWithRename = packet(Buffer.concat([versionBody, counted(posixRename), counted("1")]));

function packet(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function counted(text: string): Buffer {
  return packet(Buffer.from(text));
}
