import { EventEmitter } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { callConsole } from "./console-call.ts";
import { answerRequest, type ElectronApi, runElectronShell } from "./electron-shell.ts";
import type { PageFiles } from "./page-files.ts";
import { messagePortPipe } from "./transport/message-port-pipe.ts";

/* A double of the few things the shell uses of Electron; the ports carry real frames. */

const files: PageFiles = {
  page: `<meta property="csp-nonce" nonce="SKINK-NONCE">`,
  files: new Map([
    [
      "/assets/entry-1a2b.js",
      { body: Buffer.from("1"), contentType: "text/javascript; charset=utf-8", isImmutable: true },
    ],
  ]),
};

const PAGE = "app://skink/";

class Frame {
  readonly posted: { channel: string; port: MessagePort }[] = [];
  readonly url: string;
  readonly origin: string;
  readonly parent: Frame | null;
  constructor(url: string, parent: Frame | null = null) {
    this.url = url;
    this.origin = new URL(url).protocol === "app:" ? `app://${new URL(url).host}` : "https://other";
    this.parent = parent;
  }
  postMessage(channel: string, _message: unknown, ports: MessagePort[]) {
    const [port] = ports;
    if (port !== undefined) this.posted.push({ channel, port });
  }
}

class Contents extends EventEmitter {
  openHandler: () => { action: string } = () => ({ action: "allow" });
  setWindowOpenHandler(handler: () => { action: string }) {
    this.openHandler = handler;
  }
  /** whether a handler stopped it */
  isStopped(name: string, url = ""): boolean {
    let isStopped = false;
    this.emit(name, { url, preventDefault: () => (isStopped = true) });
    return isStopped;
  }
}

type PermissionHandler = (
  contents: null,
  permission: string,
  answer: (is: boolean) => void,
) => void;

class ElectronDouble {
  readonly app = new EventEmitter();
  readonly ipc = new EventEmitter();
  readonly contents = new Contents();
  readonly calls: string[] = [];
  readonly paths: Record<string, string> = {};
  options: Record<string, unknown> = {};
  loaded = "";
  exitCode: number | null = null;
  hasLock = true;
  handler: (request: { method: string; url: string }) => Response = () => new Response();
  permission: PermissionHandler = (_contents, _permission, answer) => answer(true);
  check: () => boolean = () => true;
  device: () => boolean = () => true;
  backend = "gnome_libsecret";

  api(): ElectronApi {
    const call = (name: string) => () => void this.calls.push(name);
    const api = {
      app: Object.assign(this.app, {
        enableSandbox: call("sandbox"),
        quit: call("quit"),
        exit: (code: number) => (this.exitCode = code),
        requestSingleInstanceLock: () => this.hasLock,
        setPath: (name: string, folder: string) => (this.paths[name] = folder),
        whenReady: () => {
          this.calls.push("ready");
          return Promise.resolve();
        },
      }),
      protocol: {
        registerSchemesAsPrivileged: call("schemes"),
        handle: (_scheme: string, handler: ElectronDouble["handler"]) => (this.handler = handler),
      },
      ipcMain: this.ipc,
      safeStorage: {
        isAsyncEncryptionAvailable: () => Promise.resolve(true),
        getSelectedStorageBackend: () => this.backend,
        encryptStringAsync: (text: string) => Promise.resolve(Buffer.from(text)),
        decryptStringAsync: (sealed: Buffer) => Promise.resolve({ result: sealed.toString() }),
      },
      defaultSession: () => ({
        setPermissionRequestHandler: (handler: PermissionHandler) => (this.permission = handler),
        setPermissionCheckHandler: (handler: () => boolean) => (this.check = handler),
        setDevicePermissionHandler: (handler: () => boolean) => (this.device = handler),
      }),
      createWindow: (options: Record<string, unknown>) => {
        this.options = options;
        this.app.emit("web-contents-created", {}, this.contents);
        return {
          webContents: this.contents,
          loadURL: (url: string) => Promise.resolve(void (this.loaded = url)),
          isMinimized: () => true,
          restore: call("restore"),
          focus: call("focus"),
        };
      },
      createChannel: () => new MessageChannel(),
    };
    return api as unknown as ElectronApi;
  }
}

let electron: ElectronDouble;
let logged: string[];
let config: string;
const configBefore = process.env["XDG_CONFIG_HOME"];

beforeEach(() => {
  electron = new ElectronDouble();
  logged = [];
  config = mkdtempSync(path.join(os.tmpdir(), "skink-config-"));
  process.env["XDG_CONFIG_HOME"] = config;
});
afterEach(async () => {
  if (electron.loaded !== "") await quit();
  rmSync(config, { recursive: true, force: true });
  if (configBefore === undefined) delete process.env["XDG_CONFIG_HOME"];
  else process.env["XDG_CONFIG_HOME"] = configBefore;
});

const start = () =>
  runElectronShell(electron.api(), {
    readFiles: () => files,
    preload: "/built/preload.cjs",
    demoPreset: null,
    timing: "fast",
    agentFolder: "/nowhere",
    log: (sentence) => logged.push(sentence),
    ready: () => electron.calls.push("window"),
  });

async function quit(): Promise<void> {
  electron.app.emit("before-quit", { preventDefault: () => undefined });
  while (electron.exitCode === null) await new Promise((resolve) => setImmediate(resolve));
}

const askForPort = (senderFrame: Frame | null, sender: unknown = electron.contents) =>
  electron.ipc.emit("skink:port", { senderFrame, sender });

describe("the desktop shell", () => {
  test("locks the sandbox and names its scheme before Electron is ready", async () => {
    await start();
    expect(electron.calls).toEqual(["sandbox", "schemes", "ready", "window"]);
    expect(electron.loaded).toBe(PAGE);
  });

  test("gives the page no Node, no other world and only the preload script", async () => {
    await start();
    expect(electron.options["webPreferences"]).toEqual({
      preload: "/built/preload.cjs",
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    });
  });

  test("does not start twice, and the second start shows the first window", async () => {
    await start();
    electron.app.emit("second-instance");
    expect(electron.calls).toContain("restore");
    expect(electron.calls).toContain("focus");

    const first = electron;
    electron = new ElectronDouble();
    electron.hasLock = false;
    await start();
    expect(electron.calls).toEqual(["quit"]);
    expect(electron.loaded).toBe("");
    electron = first;
  });

  test("stays on its page", async () => {
    await start();
    const { contents } = electron;
    expect(contents.openHandler()).toEqual({ action: "deny" });
    for (const url of [
      "https://evil.example/",
      "file:///etc/passwd",
      "app://skink.evil/",
      "app://skink/assets/entry-1a2b.js",
      "app://skink/#/pools/x/../..",
    ]) {
      const isOwn = url.startsWith("app://skink/#");
      expect(contents.isStopped("will-navigate", url), url).toBe(!isOwn);
      expect(contents.isStopped("will-frame-navigate", url), url).toBe(!isOwn);
    }
    expect(contents.isStopped("will-redirect", PAGE)).toBe(true);
    expect(contents.isStopped("will-attach-webview")).toBe(true);
  });

  test("grants no permission", async () => {
    await start();
    const answers: boolean[] = [];
    electron.permission(null, "clipboard-read", (answer) => answers.push(answer));
    expect([...answers, electron.check(), electron.device()]).toEqual([false, false, false]);
  });

  test("waits for the backend before it ends, and ends once", async () => {
    await start();
    let prevented = 0;
    const event = { preventDefault: () => (prevented += 1) };
    electron.app.emit("before-quit", event);
    electron.app.emit("before-quit", event);
    expect(electron.exitCode).toBeNull();
    await quit();
    expect(prevented).toBe(2);
    expect(electron.exitCode).toBe(0);
  });
});

describe("the port", () => {
  test("is handed to the page and answers", async () => {
    await start();
    const page = new Frame(PAGE);
    askForPort(page);
    const [handed] = page.posted;
    expect(handed?.channel).toBe("skink:port");
    const pipe = messagePortPipe(handed!.port);
    const hello = await callConsole(pipe, "console.hello", {});
    expect(hello).toMatchObject({ shell: "electron", capabilities: { rememberPasswords: true } });
    pipe.close();
  });

  test("is a new one after a reload", async () => {
    await start();
    const page = new Frame(`${PAGE}#/pools`);
    askForPort(page);
    askForPort(page);
    expect(page.posted).toHaveLength(2);
    const pipe = messagePortPipe(page.posted[1]!.port);
    await callConsole(pipe, "console.hello", {});
    pipe.close();
    page.posted[0]!.port.close();
  });

  test.each([
    ["a frame inside the page", new Frame(PAGE, new Frame(PAGE))],
    ["a page of the web", new Frame("https://evil.example/")],
    ["another host of the scheme", new Frame("app://evil/")],
    ["another document of our own", new Frame("app://skink/assets/entry-1a2b.js")],
  ])("is not handed to %s", async (_name, frame) => {
    await start();
    askForPort(frame);
    expect(frame.posted).toHaveLength(0);
    expect(logged.join()).toContain("asked for a port and got none");
  });

  test("is not handed to another window, or to a frame that is gone", async () => {
    await start();
    const page = new Frame(PAGE);
    askForPort(page, new Contents());
    askForPort(null);
    expect(page.posted).toHaveLength(0);
    expect(logged).toHaveLength(2);
  });
});

describe("the scheme", () => {
  const ask = (url: string, method = "GET") => answerRequest(files, { method, url });

  test("answers the page with a policy of its own each time", async () => {
    await start();
    const answer = electron.handler({ method: "GET", url: PAGE });
    const nonce = /nonce="([^"]+)"/.exec(await answer.text())?.[1] ?? "none";
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`'nonce-${nonce}'`);
    expect(policy).not.toContain("unsafe");
    expect(await ask(PAGE).text()).not.toContain(nonce);
  });

  test("serves what was built, with its type", async () => {
    const answer = ask("app://skink/assets/entry-1a2b.js");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toContain("text/javascript");
    expect(await answer.text()).toBe("1");
  });

  test.each([
    "app://skink/../package.json",
    "app://skink/%2e%2e/%2e%2e/etc/passwd",
    "app://skink/assets/..%2f..%2f..%2fetc/passwd",
    "app://skink/assets/..\\..\\secrets.json",
    "app://skink//etc/passwd",
    "app://skink/assets/",
  ])("has nothing at %s", (url) => expect(ask(url).status).toBe(404));

  test("is for its own host and for reading only", () => {
    expect(ask("app://evil/").status).toBe(403);
    expect(ask(PAGE, "POST").status).toBe(403);
  });
});

test("without a keychain the window learns that passwords end with the program", async () => {
  electron.backend = "basic_text";
  await start();
  const page = new Frame(PAGE);
  askForPort(page);
  const pipe = messagePortPipe(page.posted[0]!.port);
  const hello = await callConsole(pipe, "console.hello", {});
  expect(hello.capabilities.rememberPasswords).toBe(process.platform !== "linux");
  pipe.close();
  expect(readdirSync(config)).toEqual([]);
});
