import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type {
  App,
  BrowserWindow,
  BrowserWindowConstructorOptions,
  IpcMain,
  IpcMainEvent,
  MessageChannelMain,
  Protocol,
  SafeStorage,
  Session,
  WebContents,
} from "electron";
import { agentPorts } from "./agent-folder.ts";
import { createConsole } from "../console/console.ts";
import type { ConsoleBackend } from "../console/console.ts";
import { connectToDemo, setUpDemo } from "./demo-setup.ts";
import { keychainSecrets } from "./electron-secrets.ts";
import { configFolder, fileState } from "./file-state.ts";
import { memorySecrets, memoryState } from "./memory-stores.ts";
import type { Preset } from "./options.ts";
import { ownerName } from "./owner.ts";
import { answerPage, fileHeaders, guardHeaders, type PageFiles } from "./page-files.ts";
import { systemClock } from "./system-clock.ts";
import { messagePortPipe } from "./transport/message-port-pipe.ts";

/** The few things of Electron that the shell uses; `electron-main.ts` supplies the real ones. */
export interface ElectronApi {
  readonly app: Pick<
    App,
    "enableSandbox" | "exit" | "on" | "quit" | "requestSingleInstanceLock" | "setPath" | "whenReady"
  >;
  readonly protocol: Pick<Protocol, "handle" | "registerSchemesAsPrivileged">;
  readonly ipcMain: Pick<IpcMain, "on">;
  readonly safeStorage: SafeStorage;
  /** the default session exists only once the app is ready */
  readonly defaultSession: () => Pick<
    Session,
    "setDevicePermissionHandler" | "setPermissionCheckHandler" | "setPermissionRequestHandler"
  >;
  readonly createWindow: (options: BrowserWindowConstructorOptions) => BrowserWindow;
  readonly createChannel: () => Pick<MessageChannelMain, "port1" | "port2">;
}

export interface ElectronSettings {
  readonly readFiles: () => PageFiles;
  /** absolute path of the built preload script */
  readonly preload: string;
  /** starts the demo pool and shows it, instead of the pools this person knows */
  readonly demoPreset: Preset | null;
  readonly timing: "real" | "fast";
  /** the agent for hosts, as `npm run build:agent` leaves it */
  readonly agentFolder: string;
  readonly log: (sentence: string) => void;
  /** the window shows the page */
  readonly ready: () => void;
}

const SCHEME = "app";
const ORIGIN = `${SCHEME}://skink`;
const PAGE_URL = `${ORIGIN}/`;
const PORT_CHANNEL = "skink:port";

/**
 * The desktop shell. The backend runs in Electron's main process, which does nothing else: the
 * keychain lives there, and a crash of either would end the console anyway. The window is sandboxed
 * and gets a message port, once it has shown that it is the page this program serves.
 */
export async function runElectronShell(
  api: ElectronApi,
  settings: ElectronSettings,
): Promise<void> {
  const { app } = api;
  const scratch = settings.demoPreset === null ? null : separateProfile(app);
  try {
    await run(api, settings, scratch);
  } catch (error) {
    dropProfile(scratch);
    throw error;
  }
}

async function run(
  api: ElectronApi,
  settings: ElectronSettings,
  scratch: string | null,
): Promise<void> {
  const { app, protocol } = api;
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  app.enableSandbox();
  const privileges = { standard: true, secure: true, supportFetchAPI: true, codeCache: true };
  protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges }]);
  app.on("web-contents-created", (_event, contents) => confine(contents));
  app.on("window-all-closed", () => app.quit());

  await app.whenReady();
  denyPermissions(api);
  const files = settings.readFiles();
  protocol.handle(SCHEME, (request) => answerRequest(files, request));
  const { backend, stop } = await startBackend(api, settings);
  endWithApp(app, async () => {
    await stop();
    dropProfile(scratch);
  });
  if (settings.demoPreset !== null) await connectToDemo(backend, settings.demoPreset);
  await openWindow(api, settings, backend);
  settings.ready();
}

/** A demo runs beside the person's console and leaves nothing: it has a profile of its own. */
function separateProfile(app: ElectronApi["app"]): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "skink-profile-"));
  app.setPath("userData", folder);
  return folder;
}

function dropProfile(scratch: string | null): void {
  if (scratch !== null) rmSync(scratch, { recursive: true, force: true });
}

/** Only what was built can be asked for: paths are looked up, never opened. */
export function answerRequest(
  files: PageFiles,
  request: Pick<Request, "method" | "url">,
): Response {
  const url = new URL(request.url);
  if (url.host !== "skink" || request.method !== "GET") {
    return new Response("Not offered", { status: 403, headers: guardHeaders });
  }
  if (url.pathname === "/" || url.pathname === "/index.html") {
    const page = answerPage(files, []);
    return new Response(page.body, { status: 200, headers: page.headers });
  }
  const file = files.files.get(url.pathname);
  if (file === undefined) return new Response("Not found", { status: 404, headers: guardHeaders });
  return new Response(new Uint8Array(file.body), { status: 200, headers: fileHeaders(file) });
}

/** No page but ours, no second window, nothing embedded. */
function confine(contents: WebContents): void {
  contents.setWindowOpenHandler(() => ({ action: "deny" }));
  contents.on("will-attach-webview", (event) => event.preventDefault());
  contents.on("will-navigate", (event) => {
    if (!isOwnPage(event.url)) event.preventDefault();
  });
  contents.on("will-frame-navigate", (event) => {
    if (!isOwnPage(event.url)) event.preventDefault();
  });
  contents.on("will-redirect", (event) => event.preventDefault());
}

/** A reload of the page is no navigation away. */
function isOwnPage(address: string): boolean {
  const hash = address.indexOf("#");
  return (hash === -1 ? address : address.slice(0, hash)) === PAGE_URL;
}

function denyPermissions(api: ElectronApi): void {
  const session = api.defaultSession();
  session.setPermissionRequestHandler((_contents, _permission, answer) => answer(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
}

interface StartedBackend {
  readonly backend: ConsoleBackend;
  stop(): Promise<void>;
}

async function startBackend(api: ElectronApi, settings: ElectronSettings): Promise<StartedBackend> {
  const { demoPreset: preset, timing, log } = settings;
  const demo = await setUpDemo({ preset, timing });
  const isDemo = preset !== null;
  const store = isDemo ? memoryState() : fileState(configFolder());
  const secrets = isDemo
    ? memorySecrets()
    : await keychainSecrets(api.safeStorage, store, process.platform, log);
  const backend = createConsole({
    clock: systemClock,
    secrets,
    store,
    demo: demo.control,
    shell: "electron",
    owner: ownerName(),
    agents: agentPorts(settings.agentFolder),
  });
  const stop = async () => {
    await backend.stop();
    await demo.control.stop();
  };
  return { backend, stop };
}

/** Quitting waits until sessions are logged out and the demo pool is gone. */
function endWithApp(app: ElectronApi["app"], stop: () => Promise<void>): void {
  let isEnding = false;
  app.on("before-quit", (event) => {
    event.preventDefault();
    if (isEnding) return;
    isEnding = true;
    void stop()
      .catch(() => undefined)
      .then(() => app.exit(0));
  });
}

async function openWindow(
  api: ElectronApi,
  settings: ElectronSettings,
  backend: ConsoleBackend,
): Promise<void> {
  const window = api.createWindow({
    width: 1280,
    height: 800,
    minWidth: 1024,
    minHeight: 640,
    title: "Skink",
    autoHideMenuBar: true,
    webPreferences: {
      preload: settings.preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  });
  api.ipcMain.on(PORT_CHANNEL, (event) => {
    if (!isOwnFrame(event, window)) {
      settings.log("A frame that is not the console's page asked for a port and got none.");
      return;
    }
    const channel = api.createChannel();
    backend.accept(messagePortPipe(channel.port1));
    event.senderFrame?.postMessage(PORT_CHANNEL, null, [channel.port2]);
  });
  api.app.on("second-instance", () => {
    if (window.isMinimized()) window.restore();
    window.focus();
  });
  await window.loadURL(PAGE_URL);
}

/** The top frame of our own window, showing our own page at this moment. */
function isOwnFrame(event: IpcMainEvent, window: BrowserWindow): boolean {
  const frame = event.senderFrame;
  if (frame === null || event.sender !== window.webContents) return false;
  return frame.parent === null && frame.origin === ORIGIN && isOwnPage(frame.url);
}
