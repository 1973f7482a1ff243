import { fileURLToPath } from "node:url";
import { ensureAgent } from "./agent-bundle.ts";

/* `npm run build:agent`: the program for hosts, its description and its signature in `dist/agent`. */
const root = fileURLToPath(new URL("..", import.meta.url));
const release = ensureAgent(root, (sentence) => void process.stderr.write(`${sentence}\n`));
const megabytes = (release.bytes / 1e6).toFixed(1);
process.stdout.write(
  `Agent ${release.version}, ${megabytes} MB, signed with a ${release.signedBy} key: dist/agent\n`,
);
