import { contextBridge, ipcRenderer } from "electron";

/*
 * The page gets exactly one function, `skinkPort()`: a promise of the port to the backend. A port
 * can not cross the bridge between the two worlds as a value, so it travels as a message of the
 * window and the function itself is made in the page's world.
 */
const CHANNEL = "skink:port";

ipcRenderer.on(CHANNEL, (event) => {
  window.postMessage(CHANNEL, "*", event.ports);
});

// The function is carried over as text: it must not use anything from around it.
contextBridge.executeInMainWorld({
  func: (askForPort: () => void, channel: string) => {
    const skinkPort = (): Promise<MessagePort> =>
      new Promise((resolve) => {
        const onMessage = (event: MessageEvent<unknown>) => {
          const [port] = event.ports;
          if (event.source !== window || event.data !== channel || port === undefined) return;
          window.removeEventListener("message", onMessage);
          resolve(port);
        };
        window.addEventListener("message", onMessage);
        askForPort();
      });
    Object.defineProperty(window, "skinkPort", { value: skinkPort });
  },
  args: [() => ipcRenderer.send(CHANNEL), CHANNEL],
});
