import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { build } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));
const outDir = fileURLToPath(new URL("../../node_modules/.cache/renderer-alone", import.meta.url));

const nonce = "page-alone";

/** As strict as what both shells send: a widget that breaks it breaks in the product. */
const policy = [
  "default-src 'none'",
  `script-src 'self' 'nonce-${nonce}'`,
  `style-src 'self' 'nonce-${nonce}'`,
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
].join("; ");

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".woff2": "font/woff2",
  ".svg": "image/svg+xml",
};

/** Builds the window with the backend of `fake-backend.ts` in it. Never part of the product. */
export const buildPage = async (): Promise<void> => {
  await build({
    configFile: false,
    logLevel: "error",
    root: join(here, "page"),
    base: "./",
    plugins: [react()],
    html: { cspNonce: nonce },
    build: { outDir, emptyOutDir: true, minify: false, reportCompressedSize: false },
  });
};

/** Serves what `buildPage` wrote, on loopback, until `stop`. */
export const servePage = async (): Promise<{ url: string; stop: () => Promise<void> }> => {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://page.invalid").pathname;
    const file = join(outDir, normalize(path === "/" ? "/index.html" : path));
    readFile(file).then(
      (body) => {
        response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream");
        response.setHeader("content-security-policy", policy);
        response.end(body);
      },
      () => {
        response.statusCode = 404;
        response.end();
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
