import { execFile } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

/*
 * A door that nobody tries is a wall painted on paper. This plants every import that the door table
 * forbids, one file each, in a copy of the rooms, and every import it allows beside them, and lets
 * the real lint with the real configuration say which is which. The table here is written a second
 * time on purpose: a slip in the configuration cannot hide itself.
 */
const root = join(import.meta.dirname, "..");

type Way = "value" | "type" | "no";

const rooms = [
  "host-agent/virtual-xapi",
  "host-agent/xapi-host",
  "host-agent/core",
  "host-agent/contract",
  "host-agent/daemon",
  "main/contract",
  "main/install",
  "main/console",
  "main/demo",
  "main/shells",
  "renderer/ui",
  "renderer/console",
  "renderer/features/first",
  "renderer/features/second",
  "renderer/app",
  "build",
  "test",
] as const;
type Room = (typeof rooms)[number];

/** Other rooms each room may import from; "type" grants `import type` only. */
const doors: Record<Room, Partial<Record<Room, Way>> | "everything"> = {
  "host-agent/virtual-xapi": {},
  "host-agent/xapi-host": { "host-agent/virtual-xapi": "value" },
  "host-agent/core": {},
  "host-agent/contract": {},
  "host-agent/daemon": { "host-agent/core": "value", "host-agent/contract": "value" },
  "main/contract": { "host-agent/contract": "value" },
  "main/install": { "main/contract": "value", "host-agent/contract": "value" },
  "main/console": {
    "main/contract": "value",
    "main/install": "value",
    "host-agent/contract": "value",
  },
  "main/demo": {
    "main/contract": "value",
    "main/console": "type",
    "host-agent/xapi-host": "value",
    "host-agent/virtual-xapi": "value",
  },
  "main/shells": { "main/contract": "value", "main/console": "value", "main/demo": "value" },
  "renderer/ui": {},
  "renderer/console": { "main/contract": "type" },
  "renderer/features/first": {
    "main/contract": "type",
    "renderer/ui": "value",
    "renderer/console": "value",
  },
  "renderer/features/second": {
    "main/contract": "type",
    "renderer/ui": "value",
    "renderer/console": "value",
  },
  "renderer/app": {
    "main/contract": "type",
    "renderer/ui": "value",
    "renderer/console": "value",
    "renderer/features/first": "value",
    "renderer/features/second": "value",
  },
  build: {},
  test: "everything",
};

const packages = [
  "node:fs",
  "fast-xml-parser",
  "ws",
  "ssh2",
  "selfsigned",
  "zod",
  "xen-api",
  "undici",
  "electron",
  "react",
  "@mantine/core",
  "@tanstack/react-table",
  "zustand",
  "vite",
  "vitest",
] as const;
type Package = (typeof packages)[number];

const drawing = ["react", "@mantine/core"] as const;
const tables = ["@tanstack/react-table", "zustand"] as const;

/** Packages each room may load while it runs. */
const shelves: Record<Room, readonly Package[] | "everything"> = {
  "host-agent/virtual-xapi": ["fast-xml-parser"],
  "host-agent/xapi-host": ["node:fs", "ws", "ssh2", "selfsigned"],
  "host-agent/core": [],
  "host-agent/contract": ["zod"],
  "host-agent/daemon": ["node:fs", "zod"],
  "main/contract": ["zod"],
  "main/install": ["node:fs", "ssh2", "zod"],
  "main/console": ["node:fs", "xen-api", "undici", "zod"],
  "main/demo": ["node:fs", "ssh2"],
  "main/shells": ["node:fs", "ws"],
  "renderer/ui": drawing,
  "renderer/console": ["react", "zustand"],
  "renderer/features/first": [...drawing, ...tables],
  "renderer/features/second": [...drawing, ...tables],
  "renderer/app": [...drawing, ...tables],
  build: "everything",
  test: "everything",
};

const door = "boundaries(dependencies)";

interface Plant {
  readonly path: string;
  readonly text: string;
  /** the rule that must speak, and nothing else; null where lint must stay silent */
  readonly rule: string | null;
}

function wayBetween(from: Room, to: Room): Way {
  const open = doors[from];
  return open === "everything" ? "value" : (open[to] ?? "no");
}

function plantsBetweenRooms(): Plant[] {
  const pairs = rooms.flatMap((from) =>
    rooms.filter((to) => to !== from).map((to) => ({ from, to })),
  );
  return pairs.flatMap(({ from, to }) => {
    const source = `${relative(from, to)}/target.ts`;
    const way = wayBetween(from, to);
    const slug = to.replaceAll("/", "-");
    return [
      {
        path: `${from}/value-of-${slug}.ts`,
        text: `import { target } from "${source}";\nexport const seen = target;\n`,
        rule: way === "value" ? null : door,
      },
      {
        path: `${from}/type-of-${slug}.ts`,
        text: `import type { Target } from "${source}";\nexport type Seen = Target;\n`,
        rule: way === "no" ? door : null,
      },
    ];
  });
}

function plantsOfPackages(): Plant[] {
  return rooms.flatMap((room) =>
    packages.map((name) => {
      const shelf = shelves[room];
      const allowed = shelf === "everything" || shelf.includes(name);
      return {
        path: `${room}/loads-${name.replaceAll(/[^a-z0-9]+/gu, "-").replace(/^-/u, "")}.ts`,
        text: `export * from "${name}";\n`,
        rule: allowed ? null : door,
      };
    }),
  );
}

const byHand: readonly Plant[] = [
  // Electron: as a type anywhere in the shells, at run time in the two files Electron loads.
  {
    path: "main/shells/electron-main.ts",
    text: `import { app } from "electron";\nexport const quit = (): void => app.quit();\n`,
    rule: null,
  },
  {
    path: "main/shells/electron-preload.ts",
    text: `import { ipcRenderer } from "electron";\nexport const ask = ipcRenderer;\n`,
    rule: null,
  },
  {
    path: "main/shells/types-of-electron.ts",
    text: `import type { App } from "electron";\nexport type Seen = App;\n`,
    rule: null,
  },
  {
    path: "main/shells/lazy-electron.ts",
    text: `export const late = async (): Promise<unknown> => import("electron");\n`,
    rule: door,
  },
  {
    path: "main/console/electron-main.ts",
    text: `import { app } from "electron";\nexport const quit = (): void => app.quit();\n`,
    rule: door,
  },
  // Half a type import still loads the file.
  {
    path: "renderer/app/half-a-type.ts",
    text: `import { type Target } from "../../main/contract/target.ts";\nexport type Seen = Target;\n`,
    rule: door,
  },
  // A unit test keeps its room's doors, plus the tools of a test.
  {
    path: "host-agent/virtual-xapi/tools.test.ts",
    text: `import { readFileSync } from "node:fs";\nimport { test } from "vitest";\ntest("reads", () => {\n  readFileSync("x");\n});\n`,
    rule: null,
  },
  {
    path: "host-agent/virtual-xapi/reaches-out.test.ts",
    text: `import { target } from "../xapi-host/target.ts";\nexport const seen = target;\n`,
    rule: door,
  },
  // Virtual time: no clock, no dice, no timers.
  {
    path: "host-agent/virtual-xapi/asks-the-time.ts",
    text: `export const nowMs = (): number => Date.now();\n`,
    rule: "eslint(no-restricted-globals)",
  },
  {
    path: "host-agent/virtual-xapi/makes-a-date.ts",
    text: `export const text = (): string => new Date(0).toISOString();\n`,
    rule: "eslint(no-restricted-globals)",
  },
  {
    path: "host-agent/virtual-xapi/rolls-dice.ts",
    text: `export const roll = (): number => Math.random();\n`,
    rule: "eslint(no-restricted-properties)",
  },
  {
    path: "host-agent/virtual-xapi/sets-a-timer.ts",
    text: `export const later = (run: () => void): void => {\n  setTimeout(run, 1);\n};\n`,
    rule: "eslint(no-restricted-globals)",
  },
  {
    path: "host-agent/virtual-xapi/is-told-the-time.ts",
    text: `export const laterMs = (nowMs: number): number => nowMs + Math.max(1, 2);\n`,
    rule: null,
  },
  {
    path: "host-agent/xapi-host/asks-the-time.ts",
    text: `export const nowMs = (): number => Date.now() + Math.random();\n`,
    rule: null,
  },
  // Rules of the house that need types.
  {
    path: "main/console/floating.ts",
    text: `export const go = (work: () => Promise<void>): void => {\n  work();\n};\n`,
    rule: "typescript(no-floating-promises)",
  },
  {
    path: "main/console/awaited.ts",
    text: `export const go = async (work: () => Promise<void>): Promise<void> => {\n  await work();\n};\n`,
    rule: null,
  },
  {
    path: "main/console/half-a-switch.ts",
    text: switchOver(["live"]),
    rule: "typescript(switch-exhaustiveness-check)",
  },
  { path: "main/console/whole-switch.ts", text: switchOver(["live", "stale"]), rule: null },
  {
    path: "main/console/any-value.ts",
    text: `export const pass = (value: any): unknown => value;\n`,
    rule: "typescript(no-explicit-any)",
  },
  {
    path: "main/console/trusts-json.ts",
    text: `export const read = (text: string): string => JSON.parse(text);\n`,
    rule: "typescript(no-unsafe-return)",
  },
  // Rules of the house about shape.
  {
    path: "main/console/default-export.ts",
    text: `const answer = 42;\nexport default answer;\n`,
    rule: "import(no-default-export)",
  },
  {
    path: "main/console/CamelName.ts",
    text: `export const answer = 42;\n`,
    rule: "unicorn(filename-case)",
  },
  {
    path: "main/console/five-parameters.ts",
    text: `export const sum = (a: number, b: number, c: number, d: number, e: number): number =>\n  a + b + c + d + e;\n`,
    rule: "eslint(max-params)",
  },
  {
    path: "main/console/long-function.ts",
    text: `export function long(): number {\n  let sum = 0;\n${"  sum += 1;\n".repeat(70)}  return sum;\n}\n`,
    rule: "eslint(max-lines-per-function)",
  },
  {
    path: "main/console/swallows.ts",
    text: `export function swallow(work: () => void): void {\n  try {\n    work();\n  } catch {}\n}\n`,
    rule: "eslint(no-empty)",
  },
  {
    path: "main/console/circle-one.ts",
    text: `import { two } from "./circle-two.ts";\nexport const one = (): number => two();\n`,
    rule: "import(no-cycle)",
  },
  {
    path: "main/console/circle-two.ts",
    text: `import { one } from "./circle-one.ts";\nexport const two = (): number => one();\n`,
    rule: "import(no-cycle)",
  },
];

function switchOver(states: readonly string[]): string {
  return [
    `export function word(state: "live" | "stale"): string {`,
    `  switch (state) {`,
    ...states.flatMap((state) => [`    case "${state}":`, `      return "${state}";`]),
    `  }`,
    `  return "";`,
    `}`,
    ``,
  ].join("\n");
}

const plants: readonly Plant[] = [...plantsBetweenRooms(), ...plantsOfPackages(), ...byHand];

let folder = "";
const spoken = new Map<string, string[]>();

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function compiledRooms(): string[] {
  const config = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")) as {
    references: { path: string }[];
  };
  return config.references.map(({ path }) => path);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "skink-doors-"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const files = [
    ".oxlintrc.json",
    "tsconfig.json",
    "build/tsconfig.base.json",
    ...compiledRooms().map((room) => `${room}/tsconfig.json`),
  ];
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  for (const room of rooms) {
    put(`${room}/target.ts`, `export const target = 1;\nexport type Target = string;\n`);
  }
  for (const plant of plants) {
    put(plant.path, plant.text);
  }
  const oxlint = join(root, "node_modules/oxlint/bin/oxlint");
  const output = await promisify(execFile)(process.execPath, [oxlint, "-f", "json", "."], {
    cwd: folder,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((failure: { stdout: string }) => failure);
  const report = JSON.parse(output.stdout) as {
    diagnostics: { filename: string; code: string }[];
    number_of_files: number;
  };
  expect(report.number_of_files).toBeGreaterThanOrEqual(plants.length + rooms.length);
  for (const { filename, code } of report.diagnostics) {
    spoken.set(filename, [...(spoken.get(filename) ?? []), code]);
  }
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What lint said about each of these files beside what it should have said. */
function said(of: readonly Plant[]): { said: object; wanted: object } {
  return {
    said: Object.fromEntries(of.map(({ path }) => [path, spoken.get(path) ?? []])),
    wanted: Object.fromEntries(of.map(({ path, rule }) => [path, rule === null ? [] : [rule]])),
  };
}

test.each(rooms)("%s: an import without a door is refused, one with a door passes", (room) => {
  const ofRoom = [...plantsBetweenRooms(), ...plantsOfPackages()].filter(({ path }) =>
    path.startsWith(`${room}/`),
  );
  expect(ofRoom).toHaveLength(2 * (rooms.length - 1) + packages.length);
  const result = said(ofRoom);
  expect(result.said).toEqual(result.wanted);
});

test.each(byHand.filter((plant) => plant.rule !== null))("$path: $rule speaks alone", (plant) => {
  const result = said([plant]);
  expect(result.said).toEqual(result.wanted);
});

test.each(byHand.filter((plant) => plant.rule === null))("$path passes", (plant) => {
  expect(spoken.get(plant.path) ?? []).toEqual([]);
});

test("every room that the compiler knows has a row in these tables", () => {
  const known = rooms.map((room) => room.replace(/\/(?:first|second)$/u, ""));
  expect(compiledRooms().filter((room) => !known.includes(room))).toEqual([]);
});

test("lint says nothing about any other file", () => {
  const planted = new Set(plants.map((plant) => plant.path));
  expect([...spoken.keys()].filter((path) => !planted.has(path))).toEqual([]);
});
