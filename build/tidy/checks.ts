/*
 * The rules of build/tidy.ts as pure functions over the files of the repo, so that each can be
 * shown to fail. They read text, not syntax trees: a rule that needs types belongs to the lint.
 */

export interface SourceFile {
  /** from the root of the repo, with forward slashes */
  readonly path: string;
  readonly sizeBytes: number;
  /** null for files that are no text */
  readonly text: string | null;
}

export interface Finding {
  readonly path: string;
  /** from 1; 1 where the whole file is meant */
  readonly line: number;
  readonly message: string;
}

type Check = (files: readonly SourceFile[]) => Finding[];

const lineCountMax = 600;
const readmeLineCountMax = 20;
const columnMax = 100;
const blobBytesMax = 100_000;
const pictureBytesMax = 400_000;

const isCode = (path: string): boolean => /\.(?:ts|tsx|mjs)$/u.test(path);
const isGenerated = (path: string): boolean =>
  path.startsWith("host-agent/virtual-xapi/datamodel/generated-") || path === "package-lock.json";
/** The rules have to name what they forbid. */
const isRule = (path: string): boolean => /^build\/tidy\/checks(?:\.test)?\.ts$/u.test(path);

/** Calls `look` with each line of each chosen file; what it returns becomes a finding there. */
function eachLine(
  files: readonly SourceFile[],
  isChosen: (path: string) => boolean,
  look: (text: string, path: string) => string | null,
): Finding[] {
  return files.flatMap(({ path, text }) => {
    if (text === null || !isChosen(path) || isGenerated(path) || isRule(path)) {
      return [];
    }
    return text.split("\n").flatMap((row, index) => {
      const message = look(row, path);
      return message === null ? [] : [{ path, line: index + 1, message }];
    });
  });
}

const lineCount = (text: string): number => text.replace(/\n$/u, "").split("\n").length;

/** A room is what the root tsconfig.json references. */
function roomsOf(files: readonly SourceFile[]): string[] {
  const config = files.find(({ path }) => path === "tsconfig.json")?.text;
  const rooms = [...(config ?? "").matchAll(/"path":\s*"([^"]+)"/gu)];
  return rooms.map((match) => match[1] ?? "");
}

const readmes: Check = (files) =>
  roomsOf(files).flatMap((room) => {
    const path = `${room}/README.md`;
    const readme = files.find((file) => file.path === path);
    if (readme?.text == null) {
      const message = "The room has no README.md: write purpose, doors, decisions, dependencies.";
      return [{ path, line: 1, message }];
    }
    const count = lineCount(readme.text);
    const message = `The room's README has ${count} lines: keep ${readmeLineCountMax}, move the rest to docs/.`;
    return count > readmeLineCountMax ? [{ path, line: readmeLineCountMax + 1, message }] : [];
  });

const fileLengths: Check = (files) =>
  files.flatMap(({ path, text }) => {
    if (text === null || !isCode(path) || isGenerated(path)) {
      return [];
    }
    const count = lineCount(text);
    const message = `The file has ${count} lines: split it along an idea, ${lineCountMax} is the limit.`;
    return count > lineCountMax ? [{ path, line: lineCountMax + 1, message }] : [];
  });

const blobs: Check = (files) =>
  files.flatMap(({ path, sizeBytes }) => {
    const isPicture = path.startsWith("docs/") && path.endsWith(".png");
    const limitBytes = isPicture ? pictureBytesMax : blobBytesMax;
    if (isGenerated(path) || sizeBytes <= limitBytes) {
      return [];
    }
    const message = `The file has ${sizeBytes} bytes, ${limitBytes} is the limit: generate it or shrink it.`;
    return [{ path, line: 1, message }];
  });

const literal = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`?/gu;

const columns: Check = (files) =>
  eachLine(files, isCode, (row) => {
    // A link cannot be broken, and a sentence for a person is easier found in one piece.
    const code = row.replaceAll(literal, '""');
    if (code.length <= columnMax || /https?:\/\//u.test(row)) {
      return null;
    }
    return `The line has ${row.length} columns, ${columnMax} is the limit: run oxfmt, wrap comments by hand.`;
  });

const quantity =
  "timeout|delay|interval|duration|elapsed|deadline|period|uptime|latency|memory|capacity|bandwidth|age|ttl";
const unitless = new RegExp(
  `(?<![A-Za-z0-9_."'])((?:[a-z][A-Za-z0-9]*)?(?:${quantity}))(?:\\?|)(?::\\s*(?:number\\b|z\\.number\\()|(?::\\s*number\\s*)?\\s=\\s[0-9][0-9_.]*\\b)`,
  "iu",
);
/** Words that end like a quantity and are none. */
const noQuantities = new Set([
  "page",
  "image",
  "message",
  "package",
  "usage",
  "storage",
  "language",
]);

const units: Check = (files) =>
  eachLine(files, isCode, (row) => {
    const name = unitless.exec(row)?.[1];
    if (name === undefined || isProse(row) || noQuantities.has(lastWord(name))) {
      return null;
    }
    return `"${name}" is a number without a unit: end the name with Ms, S, Bytes or what it counts.`;
  });

const lastWord = (name: string): string =>
  (/[A-Z]?[a-z0-9]+$/u.exec(name)?.[0] ?? "").toLowerCase();
const isProse = (row: string): boolean => /^\s*(?:\/\/|\*|\/\*)/u.test(row);

const retired: readonly (readonly [RegExp, string])[] = [
  [/\bmasters?\b/iu, "coordinator"],
  [/\bslaves?\b/iu, "supporter"],
  [/\bnodes?\b(?!\.js)/iu, "host"],
  [/\bdead\b/iu, "what is known: silent since, suspected, fenced"],
  [/\bkill(?:s|ed|ing)?\b/iu, "stop, or end"],
  [/\b(?:we|our|us)\b/iu, "a sentence about the pool, not about its authors"],
];

/**
 * The text on this line that a person may read: strings with a blank or a capital, JSX text.
 * Names such as "kill-xapi" travel on the wire and are no copy.
 */
function copyOn(row: string): string[] {
  if (isProse(row) || /^\s*(?:import|export \*)/u.test(row)) {
    return [];
  }
  const strings = [...row.matchAll(literal)]
    .map((match) => (match[1] ?? match[2] ?? match[3] ?? "").replaceAll(/\$\{[^}]*\}/gu, "…"))
    .filter((text) => /\s|^[A-Z][a-z]/u.test(text));
  const jsxText = [...row.matchAll(/>([^<>{}=;()]+)</gu)].map((match) => match[1] ?? "");
  const wrapped = /^\s*[A-Za-z][^={}()[\];<>"`]*\s[^={}()[\];<>"`]*$/u.test(row) ? [row] : [];
  return [...strings, ...jsxText, ...wrapped];
}

const isCopy = (path: string): boolean =>
  /^(?:renderer|main)\/.*\.tsx?$/u.test(path) && !/\.test\.tsx?$/u.test(path);

/** A sentence about the names of XAPI's fields has to say them. */
const explainsXapi = (copy: string, pattern: RegExp): boolean =>
  copy.includes("XAPI") && (pattern.test("master") || pattern.test("slave"));

const words: Check = (files) =>
  eachLine(files, isCopy, (row, path) => {
    for (const copy of path.startsWith("renderer/") ? copyOn(row) : sentencesOn(row)) {
      const hit = retired.find(([pattern]) => pattern.test(copy) && !explainsXapi(copy, pattern));
      if (hit !== undefined) {
        return `"${copy.trim()}" uses a retired word: write ${hit[1]}.`;
      }
    }
    return null;
  });

/** Outside the renderer only whole sentences reach a person; the rest are XAPI names and logs. */
const sentencesOn = (row: string): string[] =>
  copyOn(row).filter((text) => /^[A-Z…].*[.!?]$/u.test(text.trim()) && text.includes(" "));

const todos: Check = (files) =>
  eachLine(
    files,
    (path) => isCode(path) || path.endsWith(".md"),
    (row) =>
      /\b(?:TODO|FIXME|XXX|HACK)\b/u.test(row) && !/\bTODO\([^,)]+, [^)]+\)/u.test(row)
        ? "A bare to-do: give it an owner and a condition, TODO(owner, until what), or delete it."
        : null,
  );

const machinePaths: Check = (files) =>
  eachLine(
    files,
    (path) => path !== "LICENSE",
    (row) =>
      /(?<![\w.])\/(?:work|root)\/|\/tmp\/skink\/|(?<!\w)\.\.\/shared\b/u.test(row)
        ? "A path of one machine: make it relative to the repo or ask the system for a folder."
        : null,
  );

const references: Check = (files) =>
  eachLine(
    files,
    (path) => path.startsWith("renderer/"),
    (row) =>
      row.includes("OpaqueRef")
        ? "A XAPI reference in the renderer: it dies with its session, use the uuid."
        : null,
  );

const sharpTests: Check = (files) =>
  files.flatMap(({ path, text }) => {
    if (text === null || !/\.test\.tsx?$/u.test(path) || isRule(path)) {
      return [];
    }
    const silent = /\bexpect\w*[(.]|\bassert\w*[(.]/u.test(text)
      ? []
      : [
          {
            path,
            line: 1,
            message: "The test expects nothing and cannot fail: say what must hold.",
          },
        ];
    const skipped = text.split("\n").flatMap((row, index) => {
      const message = "A test that is skipped or runs alone: run it, or delete it with its reason.";
      return /\b(?:test|it|describe)\.(?:only|skip|todo)\b/u.test(row)
        ? [{ path, line: index + 1, message }]
        : [];
    });
    return [...silent, ...skipped];
  });

export const checks = {
  readmes,
  fileLengths,
  blobs,
  columns,
  units,
  words,
  todos,
  machinePaths,
  references,
  sharpTests,
} as const satisfies Record<string, Check>;
