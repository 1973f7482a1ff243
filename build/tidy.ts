import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { checks } from "./tidy/checks.ts";
import type { Finding, SourceFile } from "./tidy/checks.ts";

/*
 * What reviewers would keep saying, said by a program. Every message tells what to do; the rules
 * themselves are in tidy/checks.ts, this reads the files and prints.
 */

const root = join(import.meta.dirname, "..");
const textEndings = new Set([
  ".ts",
  ".tsx",
  ".mjs",
  ".js",
  ".json",
  ".md",
  ".html",
  ".css",
  ".svg",
  ".yml",
  ".py",
  ".sh",
  "",
]);

/** Files that are committed or would be: what git tracks plus what it does not ignore. */
export function readSources(folder: string): SourceFile[] {
  const listed = execFileSync("git", ["ls-files", "-z", "-co", "--exclude-standard"], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
  });
  const paths = [...new Set(listed.split("\0").filter((path) => path !== ""))].sort();
  return paths.flatMap((path) => {
    const full = join(folder, path);
    const found = statSync(full, { throwIfNoEntry: false });
    if (!found?.isFile()) {
      return [];
    }
    const isText = textEndings.has(extname(path));
    return [{ path, sizeBytes: found.size, text: isText ? readFileSync(full, "utf8") : null }];
  });
}

export function tidy(files: readonly SourceFile[]): Finding[] {
  return Object.values(checks).flatMap((check) => check(files));
}

if (import.meta.main) {
  const files = readSources(root);
  const findings = tidy(files);
  for (const { path, line, message } of findings) {
    console.log(`${path}:${line}: ${message}`);
  }
  console.log(`tidy: ${files.length} files read, ${findings.length} findings`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
