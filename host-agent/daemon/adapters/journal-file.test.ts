import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { appendFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { JournalFile, journalRange, readLines } from "./journal-file.ts";
import type { Draft, JournalDisk } from "./journal-file.ts";

const folders: string[] = [];
const journals: JournalFile[] = [];

afterEach(async () => {
  for (const journal of journals.splice(0)) await journal.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "skink-journal-"));
  folders.push(folder);
  return folder;
}

function draft(
  text: string,
  event: Draft["event"] = { type: "AgentStopped", reason: "asked" },
): Draft {
  return {
    v: 1,
    host: "a",
    boot: "b",
    term: 0,
    monoMs: 1,
    wallMs: 2,
    event,
    inputs: [],
    rule: null,
    text,
  };
}

function open(folder: string, more: { bytesMax?: number; disk?: JournalDisk } = {}): JournalFile {
  const journal = new JournalFile({
    folder,
    bytesMax: more.bytesMax ?? 1_048_576,
    ...(more.disk === undefined ? {} : { disk: more.disk }),
    gapDraft: (lostLines, reason) =>
      draft(`lost ${lostLines}: ${reason}`, { type: "JournalGap", lostLines, reason }),
  });
  journals.push(journal);
  return journal;
}

function texts(folder: string): string[] {
  return readLines(folder, -1, 1_000_000).map(({ seq, text }) => `${seq} ${text}`);
}

test("the sequence goes on where the last start left it", async () => {
  const folder = newFolder();
  for (const name of ["one", "two", "three"]) {
    const journal = open(folder);
    journal.append(draft(name));
    await journal.settled();
  }
  expect(texts(folder)).toEqual(["0 one", "1 two", "2 three"]);
  expect(open(folder).lastLine?.text).toBe("three");
});

test("half a line at the end is cut off, told, and swallows no other line", async () => {
  const folder = newFolder();
  const first = open(folder);
  first.append(draft("whole"));
  await first.settled();
  const [file = ""] = readdirSync(folder);
  appendFileSync(join(folder, file), '{"v":1,"host":"a","se');
  const second = open(folder);
  second.append(draft("after"));
  await second.settled();
  expect(texts(folder)).toEqual([
    "0 whole",
    "1 lost 1: the last line was cut off by a sudden end",
    "2 after",
  ]);
});

test("a full disk loses lines but no count of them, and says so when there is space again", async () => {
  const folder = newFolder();
  let isFull = false;
  const disk: JournalDisk = {
    append(file, text) {
      if (isFull) return Promise.reject(new Error("no space left on device"));
      return appendFile(file, text);
    },
    remove: () => undefined,
    close: () => Promise.resolve(),
  };
  const journal = open(folder, { disk });
  journal.append(draft("before"));
  await journal.settled();
  isFull = true;
  journal.append(draft("lost"));
  journal.append(draft("lost too"));
  await expect.poll(() => journal.trouble, { timeout: 5_000 }).toContain("2 lost so far");
  expect(journal.lastSeq).toBe(0);
  isFull = false;
  await journal.settled();
  expect(texts(folder)).toEqual(["0 before", "1 lost 2: no space left on device"]);
  journal.append(draft("after"));
  await journal.settled();
  expect(journal.trouble).toBeNull();
  expect(texts(folder)).toEqual(["0 before", "1 lost 2: no space left on device", "2 after"]);
});

test("old files go when the journal is as large as it may be, and the range says so", async () => {
  const folder = newFolder();
  const journal = open(folder, { bytesMax: 8_000 });
  for (let index = 0; index < 200; index += 1) {
    journal.append(draft(`line ${index}`));
    await journal.settled();
  }
  const { firstSeq, lastSeq } = journalRange(folder);
  const kept = readLines(folder, -1, 1_000).map(({ seq }) => seq);
  const bytes = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name)).length)
    .reduce((sum, length) => sum + length, 0);
  expect(bytes).toBeLessThanOrEqual(8_000);
  expect(lastSeq).toBe(199);
  expect(firstSeq).toBeGreaterThan(100);
  expect(kept).toEqual(Array.from({ length: 200 - firstSeq }, (_, index) => firstSeq + index));
  expect(journal.firstSeq).toBe(firstSeq);
});

test("a reader goes on from its cursor over files and memory alike", async () => {
  const folder = newFolder();
  const before = open(folder, { bytesMax: 16_000 });
  for (let index = 0; index < 50; index += 1) before.append(draft(`line ${index}`));
  await before.settled();
  const journal = open(folder, { bytesMax: 16_000 });
  for (let index = 50; index < 60; index += 1) journal.append(draft(`line ${index}`));
  await journal.settled();
  const read: number[] = [];
  for (let page = journal.read(-1, 7); page.length > 0; page = journal.read(read.at(-1) ?? -1, 7)) {
    read.push(...page.map(({ seq }) => seq));
  }
  expect(read).toEqual(Array.from({ length: 60 }, (_, index) => index));
});

test("a damaged line in the middle is left out, not the lines around it", async () => {
  const folder = newFolder();
  const journal = open(folder);
  for (const name of ["one", "two", "three"]) journal.append(draft(name));
  await journal.settled();
  const [file = ""] = readdirSync(folder);
  const path = join(folder, file);
  writeFileSync(path, readFileSync(path, "utf8").replace('"text":"two"', '"text":tw'));
  expect(texts(folder)).toEqual(["0 one", "2 three"]);
});

test("whoever waits is told once a line is durable, not before", async () => {
  const folder = newFolder();
  let release = (): void => undefined;
  const disk: JournalDisk = {
    append: (file, text) =>
      new Promise((resolve) => {
        release = (): void => void appendFile(file, text).then(resolve);
      }),
    remove: () => undefined,
    close: () => Promise.resolve(),
  };
  const journal = open(folder, { disk });
  const told: string[] = [];
  const grown = journal.grown().promise.then(() => told.push("told"));
  journal.append(draft("one"));
  await new Promise((resolve) => setImmediate(resolve));
  expect([told, journal.read(-1, 10)]).toEqual([[], []]);
  release();
  await grown;
  expect(journal.read(-1, 10).map(({ text }) => text)).toEqual(["one"]);
});
