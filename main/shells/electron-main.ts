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
import { demoControl } from "./demo-control.ts";
import { runElectronShell } from "./electron-shell.ts";
import { presets } from "./options.ts";
import { readPageFiles } from "./page-files.ts";

/* Hands Electron to the shell. Everything worth a test is there and not here. */
const folder = import.meta.dirname;
const log = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
const asked = process.argv.find((argument) => argument.startsWith("--skink-demo="));
const demoPreset = presets.find((preset) => asked === `--skink-demo=${preset}`) ?? null;

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
    demo: demoControl(),
    log,
  },
).catch((error: unknown) => {
  log(error instanceof Error ? error.message : String(error));
  app.exit(1);
});
