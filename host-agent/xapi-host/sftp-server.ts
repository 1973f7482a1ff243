import * as fs from "node:fs";
import { posix } from "node:path";
import ssh2 from "ssh2";
import type { Attributes, FileEntry, SFTPWrapper } from "ssh2";
import type { HostRoot } from "./host-root.ts";
import { announcePosixRename, posixRename, twoStrings } from "./sftp-extensions.ts";

const { STATUS_CODE: status, OPEN_MODE: openMode } = ssh2.utils.sftp;

export interface SftpOptions {
  readonly root: HostRoot;
  readonly isDiskFull: () => boolean;
}

type OpenThing =
  | { readonly type: "file"; readonly fd: number }
  | { readonly type: "folder"; entries: readonly FileEntry[] };

const handlesMax = 64;
const readBytesMax = 256 * 1024;
const readdirPage = 100;

/** Thrown for what this server never does, whatever the folder would allow. */
class Denied extends Error {}

/**
 * Files of one virtual host over SFTP, confined to its root folder. The only links it makes are
 * those between releases. Calls are synchronous, so that no other request of this session slips in
 * between looking at a path and using it.
 */
export function serveSftp(sftp: SFTPWrapper, options: SftpOptions): void {
  const session: SftpSession = {
    ...options,
    sftp,
    handles: new Handles(),
    answer(id, act) {
      try {
        act();
      } catch (error) {
        const { code, text } = statusOf(error);
        sftp.status(id, code, text);
      }
    },
    needRoom() {
      if (options.isDiskFull()) throw Object.assign(new Error("full"), { code: "ENOSPC" });
    },
  };
  announcePosixRename(sftp);
  serveFiles(session);
  serveFolders(session);
  serveAttributes(session);
  serveNames(session);
  sftp.on("close", () => session.handles.closeAll());
}

interface SftpSession extends SftpOptions {
  readonly sftp: SFTPWrapper;
  readonly handles: Handles;
  answer(id: number, act: () => void): void;
  needRoom(): void;
}

class Handles {
  readonly #open = new Map<number, OpenThing>();
  #last = 0;

  needRoom(): void {
    if (this.#open.size >= handlesMax) throw new Denied();
  }

  add(thing: OpenThing): Buffer {
    this.#last += 1;
    this.#open.set(this.#last, thing);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(this.#last);
    return handle;
  }

  thing(handle: Buffer): OpenThing {
    const thing = handle.length === 4 ? this.#open.get(handle.readUInt32BE(0)) : undefined;
    if (thing === undefined) throw new Denied();
    return thing;
  }

  file(handle: Buffer): number {
    const thing = this.thing(handle);
    if (thing.type !== "file") throw new Denied();
    return thing.fd;
  }

  close(handle: Buffer): void {
    const thing = this.thing(handle);
    if (thing.type === "file") fs.closeSync(thing.fd);
    this.#open.delete(handle.readUInt32BE(0));
  }

  closeAll(): void {
    for (const thing of this.#open.values()) if (thing.type === "file") fs.closeSync(thing.fd);
    this.#open.clear();
  }
}

function serveFiles({ sftp, root, handles, answer, needRoom }: SftpSession): void {
  sftp.on("OPEN", (id, path, flags, attrs) =>
    answer(id, () => {
      handles.needRoom();
      if ((flags & openMode.WRITE) !== 0) needRoom();
      const mode = permissions(attrs) ?? 0o644;
      const { O_NOFOLLOW, O_NONBLOCK } = fs.constants;
      const real = root.follow(path);
      const fd = fs.openSync(real, nodeFlags(flags) | O_NOFOLLOW | O_NONBLOCK, mode);
      if (!fs.fstatSync(fd).isFile()) {
        fs.closeSync(fd);
        throw new Denied();
      }
      sftp.handle(id, handles.add({ type: "file", fd }));
    }),
  );
  sftp.on("READ", (id, handle, offset, length) =>
    answer(id, () => {
      const bytes = Buffer.alloc(Math.min(length, readBytesMax));
      const count = fs.readSync(handles.file(handle), bytes, 0, bytes.length, offset);
      if (count === 0) sftp.status(id, status.EOF);
      else sftp.data(id, bytes.subarray(0, count));
    }),
  );
  sftp.on("WRITE", (id, handle, offset, data) =>
    answer(id, () => {
      needRoom();
      fs.writeSync(handles.file(handle), data, 0, data.length, offset);
      sftp.status(id, status.OK);
    }),
  );
  sftp.on("CLOSE", (id, handle) =>
    answer(id, () => {
      handles.close(handle);
      sftp.status(id, status.OK);
    }),
  );
}

function serveFolders({ sftp, root, handles, answer, needRoom }: SftpSession): void {
  sftp.on("OPENDIR", (id, path) =>
    answer(id, () => {
      handles.needRoom();
      const folder = root.follow(path);
      const entries = fs.readdirSync(folder).map((name) => entryOf(posix.join(folder, name), name));
      sftp.handle(id, handles.add({ type: "folder", entries }));
    }),
  );
  sftp.on("READDIR", (id, handle) =>
    answer(id, () => {
      const thing = handles.thing(handle);
      if (thing.type !== "folder") throw new Denied();
      const page = thing.entries.slice(0, readdirPage);
      thing.entries = thing.entries.slice(readdirPage);
      if (page.length === 0) sftp.status(id, status.EOF);
      else sftp.name(id, page);
    }),
  );
  sftp.on("MKDIR", (id, path, attrs) =>
    answer(id, () => {
      needRoom();
      fs.mkdirSync(root.entry(path), { mode: permissions(attrs) ?? 0o755 });
      sftp.status(id, status.OK);
    }),
  );
  sftp.on("RMDIR", (id, path) =>
    answer(id, () => {
      fs.rmdirSync(noRoot(root, root.entry(path)));
      sftp.status(id, status.OK);
    }),
  );
}

function serveAttributes({ sftp, root, handles, answer }: SftpSession): void {
  sftp.on("STAT", (id, path) =>
    answer(id, () => sftp.attrs(id, attributesOf(fs.statSync(noLink(root.follow(path)))))),
  );
  sftp.on("LSTAT", (id, path) =>
    answer(id, () => sftp.attrs(id, attributesOf(fs.lstatSync(root.entry(path))))),
  );
  sftp.on("FSTAT", (id, handle) =>
    answer(id, () => sftp.attrs(id, attributesOf(fs.fstatSync(handles.file(handle))))),
  );
  sftp.on("SETSTAT", (id, path, attrs) =>
    answer(id, () => {
      change(noLink(root.follow(path)), attrs);
      sftp.status(id, status.OK);
    }),
  );
  sftp.on("FSETSTAT", (id, handle, attrs) =>
    answer(id, () => {
      changeOpen(handles.file(handle), attrs);
      sftp.status(id, status.OK);
    }),
  );
}

function serveNames({ sftp, root, answer }: SftpSession): void {
  sftp.on("REMOVE", (id, path) =>
    answer(id, () => {
      fs.unlinkSync(noRoot(root, root.entry(path)));
      sftp.status(id, status.OK);
    }),
  );
  sftp.on("RENAME", (id, from, to) =>
    answer(id, () => {
      const [source, target] = [noLink(root.entry(from)), root.entry(to)];
      // As OpenSSH does it in version 3: never over something that is there.
      if (fs.lstatSync(target, { throwIfNoEntry: false }) !== undefined) throw new Denied();
      fs.renameSync(noRoot(root, source), target);
      sftp.status(id, status.OK);
    }),
  );
  sftp.on("REALPATH", (id, path) =>
    answer(id, () => {
      const filename = root.normalise(path === "." ? "/root" : path);
      sftp.name(id, [{ filename, longname: filename, attrs: noAttributes }]);
    }),
  );
  sftp.on("READLINK", (id, path) =>
    answer(id, () => {
      const filename = fs.readlinkSync(root.entry(path));
      sftp.name(id, [{ filename, longname: filename, attrs: noAttributes }]);
    }),
  );
  sftp.on("SYMLINK", (id, linkPath, target) =>
    answer(id, () => {
      const isRelease = releaseLink.test(target) && linkPlace.test(root.normalise(linkPath));
      if (!isRelease) throw new Denied();
      fs.symlinkSync(target, root.entry(linkPath));
      sftp.status(id, status.OK);
    }),
  );
  sftp.on("EXTENDED", (id, name, data) =>
    answer(id, () => {
      const paths = name === posixRename ? twoStrings(data) : null;
      if (paths === null) return sftp.status(id, status.OP_UNSUPPORTED);
      const [from, to] = paths;
      const isSwitch = [from, to].every((path) => linkPlace.test(root.normalise(path)));
      const source = isSwitch ? root.entry(from) : noLink(root.entry(from));
      fs.renameSync(noRoot(root, source), noRoot(root, root.entry(to)));
      sftp.status(id, status.OK);
    }),
  );
}

/** The two links of a host's releases, and the name each has before it is switched. */
const linkPlace = /^\/opt\/skink\/(?:current|previous)(?:\.new)?$/u;
const releaseLink = /^releases\/[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$/u;

const noAttributes: Attributes = { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 };

/** After all links were followed there is none: one that is still there was not walked. */
function noLink(real: string): string {
  if (fs.lstatSync(real).isSymbolicLink()) throw new Denied();
  return real;
}

function noRoot(root: HostRoot, real: string): string {
  if (real === root.folder) throw new Denied();
  return real;
}

function entryOf(real: string, filename: string): FileEntry {
  const found = fs.lstatSync(real);
  const kind = found.isDirectory() ? "d" : found.isSymbolicLink() ? "l" : "-";
  const longname = `${kind}rw------- 1 root root ${found.size} Jan 1 00:00 ${filename}`;
  return { filename, longname, attrs: attributesOf(found) };
}

/** Everything on a host is root's, whoever runs the demo. */
function attributesOf(found: fs.Stats): Attributes {
  return {
    mode: found.mode,
    uid: 0,
    gid: 0,
    size: found.size,
    atime: Math.floor(found.atimeMs / 1_000),
    mtime: Math.floor(found.mtimeMs / 1_000),
  };
}

/** Fields that a request leaves out are undefined, whatever the types say. */
function permissions(attrs: Partial<Attributes>): number | undefined {
  return attrs.mode === undefined ? undefined : attrs.mode & 0o777;
}

function change(real: string, attrs: Partial<Attributes>): void {
  const mode = permissions(attrs);
  if (attrs.size !== undefined) fs.truncateSync(real, attrs.size);
  if (mode !== undefined) fs.chmodSync(real, mode);
  if (attrs.atime !== undefined && attrs.mtime !== undefined) {
    fs.utimesSync(real, attrs.atime, attrs.mtime);
  }
}

function changeOpen(fd: number, attrs: Partial<Attributes>): void {
  const mode = permissions(attrs);
  if (attrs.size !== undefined) fs.ftruncateSync(fd, attrs.size);
  if (mode !== undefined) fs.fchmodSync(fd, mode);
  if (attrs.atime !== undefined && attrs.mtime !== undefined) {
    fs.futimesSync(fd, attrs.atime, attrs.mtime);
  }
}

function nodeFlags(flags: number): number {
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const { constants } = fs;
  const access = has(openMode.WRITE)
    ? has(openMode.READ)
      ? constants.O_RDWR
      : constants.O_WRONLY
    : constants.O_RDONLY;
  return (
    access |
    (has(openMode.CREAT) ? constants.O_CREAT : 0) |
    (has(openMode.TRUNC) ? constants.O_TRUNC : 0) |
    (has(openMode.EXCL) ? constants.O_EXCL : 0)
  );
}

function statusOf(error: unknown): { readonly code: number; readonly text: string } {
  if (error instanceof Denied) return { code: status.PERMISSION_DENIED, text: "Refused." };
  switch ((error as NodeJS.ErrnoException).code ?? "") {
    case "ENOENT":
    case "ENOTDIR":
      return { code: status.NO_SUCH_FILE, text: "No such file." };
    case "EACCES":
    case "EPERM":
    case "ELOOP":
      return { code: status.PERMISSION_DENIED, text: "Permission denied." };
    case "ENOSPC":
      return { code: status.FAILURE, text: "No space left on device" };
    default:
      return { code: status.FAILURE, text: "Failure" };
  }
}
