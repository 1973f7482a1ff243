/** The part of xen-api 4.7.6 that the console uses; the package has no declarations of its own. */
declare module "xen-api" {
  export interface XapiClientOptions {
    readonly url: string;
    /** without a password the client never logs in by itself */
    readonly auth: { readonly sessionId: string };
    readonly watchEvents: false;
    readonly transport: "json-rpc";
    /** milliseconds */
    readonly callTimeout: (method: string) => number;
    readonly callConcurrency: number;
    readonly roCallRetryOptions: { readonly tries: number };
  }

  export interface Xapi {
    connect(): Promise<void>;
    call(method: string, ...args: readonly unknown[]): Promise<unknown>;
    /** the undici dispatcher; replaced before `connect`, then `_setUrl(_url)` takes it into use */
    _undiciDispatcher: unknown;
    readonly _url: unknown;
    _setUrl(url: unknown): void;
  }

  export function createClient(options: XapiClientOptions): Xapi;
}
