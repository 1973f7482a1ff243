import path from "node:path";
import {
  app,
  BrowserWindow,
  ipcMain,
  MessageChannelMain,
  protocol,
  safeStorage,
  session,
} from "electron";
import { DESKTOP_READY } from "./desktop.ts";
import { runElectronShell } from "./electron-shell.ts";
import { presets } from "./options.ts";
import { readPageFiles } from "./page-files.ts";

/* Hands Electron to the shell. Everything worth a test is there and not here. */
const folder = import.meta.dirname;
const log = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
const asked = process.argv.find((argument) => argument.startsWith("--skink-demo="));
const demoPreset = presets.find((preset) => asked === `--skink-demo=${preset}`) ?? null;

// The demo's programs run on plain Node: beside the archive in a package, beside this file
// otherwise.
const resources = app.isPackaged ? process.resourcesPath : folder;
process.env["SKINK_DEMO_PROGRAMS"] = path.join(resources, "demo");
if (app.isPackaged) {
  const node = process.platform === "win32" ? "node.exe" : "node";
  process.env["SKINK_NODE"] = path.join(resources, "node", node);
}

runElectronShell(
  {
    app,
    protocol,
    ipcMain,
    safeStorage,
    defaultSession: () => session.defaultSession,
    createWindow: (options) => new BrowserWindow(options),
    createChannel: () => new MessageChannelMain(),
  },
  {
    readFiles: () => readPageFiles(path.join(folder, "renderer")),
    preload: path.join(folder, "preload.cjs"),
    demoPreset,
    timing: "real",
    agentFolder: app.isPackaged ? path.join(resources, "agent") : path.join(folder, "../agent"),
    log,
    ready: () => void process.stdout.write(`${DESKTOP_READY}\n`),
  },
).catch((error: unknown) => {
  log(error instanceof Error ? error.message : String(error));
  app.exit(1);
});
