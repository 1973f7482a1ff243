import { readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

export interface BundleSize {
  readonly fileCount: number;
  readonly rawBytes: number;
  /** HTML, scripts and styles by gzip level 9, everything else as it is */
  readonly gzipBytes: number;
  readonly brotliBytes: number;
  /** the part of the above that is scripts */
  readonly scriptGzipBytes: number;
}

const compressible = new Set([".js", ".css", ".html", ".svg", ".json"]);

export function bundleSize(folder: string): BundleSize {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const sizes = files.map((file) => {
    const raw = readFileSync(file);
    const packs = compressible.has(extname(file));
    return {
      isScript: extname(file) === ".js",
      rawBytes: raw.length,
      gzipBytes: packs ? gzipSync(raw, { level: 9 }).length : raw.length,
      brotliBytes: packs ? brotliCompressSync(raw).length : raw.length,
    };
  });
  const sum = (pick: (size: (typeof sizes)[number]) => number): number =>
    sizes.reduce((total, size) => total + pick(size), 0);
  return {
    fileCount: files.length,
    rawBytes: sum((size) => size.rawBytes),
    gzipBytes: sum((size) => size.gzipBytes),
    brotliBytes: sum((size) => size.brotliBytes),
    scriptGzipBytes: sum((size) => (size.isScript ? size.gzipBytes : 0)),
  };
}
