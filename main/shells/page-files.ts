import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export interface PageFile {
  readonly body: Buffer;
  readonly contentType: string;
  /** the name holds a hash of the content: it never changes under this name */
  readonly isImmutable: boolean;
}

/** The built window: every file by its URL path, `/` being the page itself. */
export interface PageFiles {
  readonly page: string;
  readonly files: ReadonlyMap<string, PageFile>;
}

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
};

/**
 * Reads the whole window into memory. Only what was found in the folder can be asked for, so no
 * path can climb out of it, and a later build does not pull files from under an open window.
 */
export function readPageFiles(folder: string): PageFiles {
  const files = new Map<string, PageFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const contentType = contentTypes[path.extname(entry.name)];
    if (!entry.isFile() || contentType === undefined) continue;
    const file = path.join(entry.parentPath, entry.name);
    const urlPath = `/${path.relative(folder, file).split(path.sep).join("/")}`;
    files.set(urlPath, {
      body: readFileSync(file),
      contentType,
      isImmutable: urlPath.startsWith("/assets/"),
    });
  }
  const page = files.get("/index.html");
  if (page === undefined) throw new Error(`${folder} holds no built window`);
  files.delete("/index.html");
  return { page: page.body.toString("utf8"), files };
}

/** What the bundler wrote where the nonce belongs. */
const nonceMark = /SKINK-NONCE/g;

export interface PageAnswer {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The page with a fresh nonce for the styles that the widgets add at run time. */
export function answerPage(files: PageFiles, connectSources: readonly string[]): PageAnswer {
  const nonce = randomBytes(16).toString("base64url");
  return {
    body: files.page.replace(nonceMark, nonce),
    headers: {
      ...guardHeaders,
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy": contentSecurityPolicy(nonce, connectSources),
      "Cache-Control": "no-store",
    },
  };
}

export function fileHeaders(file: PageFile): Readonly<Record<string, string>> {
  return {
    ...guardHeaders,
    "Content-Type": file.contentType,
    "Cache-Control": file.isImmutable ? "private, max-age=31536000, immutable" : "no-cache",
  };
}

function contentSecurityPolicy(nonce: string, connectSources: readonly string[]): string {
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'`,
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src ${["'self'", ...connectSources].join(" ")}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** On every answer of either shell. */
export const guardHeaders: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), usb=(), serial=()",
};
