import { describe, expect, test } from "vitest";
import { checks } from "./checks.ts";
import type { SourceFile } from "./checks.ts";

/** A file with this text; its size follows from the text unless the size is the point. */
function file(path: string, text: string | null, sizeBytes = text?.length ?? 0): SourceFile {
  return { path, sizeBytes, text };
}

const rooms = file("tsconfig.json", `{ "references": [{ "path": "main/console" }] }`);
const lines = (count: number): string => "const a = 1;\n".repeat(count);

interface Row {
  readonly check: keyof typeof checks;
  readonly what: string;
  readonly files: readonly SourceFile[];
  /** path:line of each finding */
  readonly found: readonly string[];
}

const one = (path: string, text: string | null, sizeBytes?: number): readonly SourceFile[] => [
  file(path, text, sizeBytes),
];

const table: readonly Row[] = [
  { check: "readmes", what: "a room without", files: [rooms], found: ["main/console/README.md:1"] },
  {
    check: "readmes",
    what: "21 lines",
    files: [rooms, file("main/console/README.md", "x\n".repeat(21))],
    found: ["main/console/README.md:21"],
  },
  {
    check: "readmes",
    what: "20 lines",
    files: [rooms, file("main/console/README.md", "x\n".repeat(20))],
    found: [],
  },
  { check: "fileLengths", what: "601 lines", files: one("a.ts", lines(601)), found: ["a.ts:601"] },
  { check: "fileLengths", what: "600 lines", files: one("a.ts", lines(600)), found: [] },
  {
    check: "fileLengths",
    what: "generated data",
    files: one("host-agent/virtual-xapi/datamodel/generated-fields.ts", lines(9000)),
    found: [],
  },
  { check: "blobs", what: "too large", files: one("a.bin", null, 100_001), found: ["a.bin:1"] },
  { check: "blobs", what: "at the limit", files: one("a.bin", null, 100_000), found: [] },
  { check: "blobs", what: "a picture", files: one("docs/a.png", null, 400_000), found: [] },
  {
    check: "blobs",
    what: "large",
    files: one("docs/a.png", null, 400_001),
    found: ["docs/a.png:1"],
  },
  { check: "columns", what: "101", files: one("a.ts", `// ${"x".repeat(98)}`), found: ["a.ts:1"] },
  { check: "columns", what: "100", files: one("a.ts", `// ${"x".repeat(97)}`), found: [] },
  { check: "columns", what: "copy", files: one("a.ts", `say("${"x ".repeat(80)}");`), found: [] },
  {
    check: "columns",
    what: "a link",
    files: one("a.ts", `// https://example.org/${"x".repeat(100)}`),
    found: [],
  },
  {
    check: "units",
    what: "a constant",
    files: one("a.ts", "const timeout = 5;"),
    found: ["a.ts:1"],
  },
  {
    check: "units",
    what: "a field",
    files: one("a.ts", "  startDelay: number;"),
    found: ["a.ts:1"],
  },
  { check: "units", what: "optional", files: one("a.ts", "  period?: number;"), found: ["a.ts:1"] },
  { check: "units", what: "zod", files: one("a.ts", "  memory: z.number(),"), found: ["a.ts:1"] },
  {
    check: "units",
    what: "with units and words that only end alike",
    files: one(
      "a.ts",
      "const timeoutMs = 5;\nmemoryBytes: number;\npage: number;\nlet message = 1;",
    ),
    found: [],
  },
  {
    check: "units",
    what: "names of others",
    files: one("a.ts", 'start_delay: number;\nconnect({ timeout: 500 });\n"timeout": 5'),
    found: [],
  },
  {
    check: "words",
    what: "in an attribute",
    files: one("renderer/a.tsx", '<Button title="Kill the host" />'),
    found: ["renderer/a.tsx:1"],
  },
  {
    check: "words",
    what: "beside XAPI, whose field names alone are excused",
    files: one("renderer/a.ts", 'label: "Kill XAPI"'),
    found: ["renderer/a.ts:1"],
  },
  {
    check: "words",
    what: "between tags",
    files: one("renderer/a.tsx", "<Text>The node is gone</Text>"),
    found: ["renderer/a.tsx:1"],
  },
  {
    check: "words",
    what: "on a line of wrapped text",
    files: one("renderer/a.tsx", "<Text>\n  The host looks dead now\n</Text>"),
    found: ["renderer/a.tsx:2"],
  },
  {
    check: "words",
    what: "in a sentence of the backend",
    files: one("main/console/a.ts", "sentence: `We lost ${name}.`,"),
    found: ["main/console/a.ts:1"],
  },
  {
    check: "words",
    what: "wire names, comments, code and XAPI explained",
    files: one(
      "renderer/a.tsx",
      '// the master is dead\nact("kill-xapi");\nconst node = 1;\n"XAPI calls it master"',
    ),
    found: [],
  },
  { check: "todos", what: "bare", files: one("a.ts", "// TODO: later"), found: ["a.ts:1"] },
  { check: "todos", what: "owned", files: one("a.ts", "// TODO(ana, until 8.4): x"), found: [] },
  { check: "machinePaths", what: "root", files: one("a.md", "see /root/x"), found: ["a.md:1"] },
  { check: "machinePaths", what: "beside", files: one("a.ts", '"../shared/x"'), found: ["a.ts:1"] },
  {
    check: "machinePaths",
    what: "of a host",
    files: one("a.ts", '"/var/lib/xcp/root/"'),
    found: [],
  },
  {
    check: "references",
    what: "in the renderer",
    files: one("renderer/a.ts", '"OpaqueRef:NULL"'),
    found: ["renderer/a.ts:1"],
  },
  {
    check: "references",
    what: "elsewhere",
    files: one("main/a.ts", '"OpaqueRef:NULL"'),
    found: [],
  },
  {
    check: "sharpTests",
    what: "no claim",
    files: one("a.test.ts", 'test("x", () => {});'),
    found: ["a.test.ts:1"],
  },
  {
    check: "sharpTests",
    what: "alone",
    files: one("a.test.ts", "test.only();\nexpect(1).toBe(1);"),
    found: ["a.test.ts:1"],
  },
  {
    check: "sharpTests",
    what: "a claim",
    files: one("a.test.ts", "expect(1).toBe(1);"),
    found: [],
  },
];

describe.each(Object.keys(checks) as (keyof typeof checks)[])("%s", (name) => {
  const rows = table.filter((row) => row.check === name);

  test("is shown to speak and to stay silent", () => {
    expect(new Set(rows.map((row) => row.found.length > 0))).toEqual(new Set([true, false]));
  });

  test.each(rows)("$what", ({ files, found }) => {
    expect(checks[name](files).map(({ path, line }) => `${path}:${line}`)).toEqual(found);
  });
});
