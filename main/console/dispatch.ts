import { consoleApi } from "../contract/console-api.ts";
import type {
  ApiName,
  ConsoleApi,
  InputOf,
  NameOfKind,
  OutputOf,
} from "../contract/console-api.ts";
import type { ConsoleError } from "../contract/errors.ts";
import { clientFrameSchema } from "../contract/frames.ts";
import type { Pipe, ServerFrame } from "../contract/frames.ts";
import { ConsoleProblem, consoleError } from "./problem.ts";
import type { OpenStream, StreamSource } from "./streams.ts";

/** Aborted when the window cancels the call or its pipe closes. */
interface CallScope {
  readonly signal: AbortSignal;
}

type Answering = NameOfKind<"query"> | NameOfKind<"command">;

/** One function per row of the table; the compiler insists on all of them. */
export type Handlers = {
  readonly [N in Answering]: (input: InputOf<N>, scope: CallScope) => Promise<OutputOf<N>>;
} & {
  readonly [N in NameOfKind<"stream">]: (input: InputOf<N>) => OpenStream<OutputOf<N>>;
};

/**
 * Turns what a handler threw into what the window shows; null when it is none of the expected
 * kinds.
 */
type DescribeError = (error: unknown) => ConsoleError | null;

export interface DispatchOptions {
  readonly handlers: Handlers;
  readonly describeError?: DescribeError;
  /** where an unexpected exception goes with its stack; it never crosses the pipe */
  readonly onUnexpected?: (name: string, error: unknown) => void;
  readonly onClosed?: () => void;
}

/** Streams are held back while more than this waits in the pipe. */
const pendingBytesMax = 1_000_000;
const pipeLookAgainMs = 20;
const openCallsMax = 256;

/** Serves one pipe until it closes. Returns a function that cancels all its calls and closes it. */
export function servePipe(pipe: Pipe, options: DispatchOptions): () => void {
  const service = new PipeService(pipe, options);
  pipe.onClose(() => {
    service.cancelAll();
    options.onClosed?.();
  });
  pipe.onText((text) => service.receive(text));
  return () => {
    service.cancelAll();
    pipe.close();
  };
}

class PipeService {
  readonly #pipe: Pipe;
  readonly #options: DispatchOptions;
  readonly #open = new Map<number, AbortController>();

  constructor(pipe: Pipe, options: DispatchOptions) {
    this.#pipe = pipe;
    this.#options = options;
  }

  cancelAll(): void {
    for (const controller of this.#open.values()) controller.abort();
    this.#open.clear();
  }

  receive(text: string): void {
    const frame = parseFrame(text);
    if (frame.type === "garbage") {
      // Without an id nothing can be answered; with one, the window learns that it speaks wrongly.
      if (frame.id !== null) this.#refuse(frame.id, badRequest("The request has a wrong form."));
      return;
    }
    const { value } = frame;
    if (value.kind === "cancel") {
      this.#open.get(value.id)?.abort();
      this.#open.delete(value.id);
      return;
    }
    this.#request(value.id, value.name, value.input);
  }

  #request(id: number, name: string, input: unknown): void {
    if (this.#open.has(id)) {
      this.#refuse(id, badRequest(`Call ${id} is open already.`));
      return;
    }
    if (this.#open.size >= openCallsMax) {
      this.#refuse(id, badRequest(`More than ${openCallsMax} calls are open.`));
      return;
    }
    if (!isApiName(name)) {
      this.#refuse(
        id,
        consoleError(
          "unknown-call",
          "This window asked for something this console does not offer.",
          "Reload the window; if that does not help, update the console.",
          { detail: name.slice(0, 100) },
        ),
      );
      return;
    }
    const parsed = consoleApi[name].input.safeParse(input ?? {});
    if (!parsed.success) {
      const where = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`);
      this.#refuse(id, badRequest(`The input of ${name} is not valid.`, where.join("; ")));
      return;
    }
    const controller = new AbortController();
    this.#open.set(id, controller);
    if (consoleApi[name].kind === "stream") this.#stream(id, name, parsed.data, controller);
    else void this.#answer(id, name, parsed.data, controller);
  }

  async #answer(id: number, name: ApiName, input: unknown, call: AbortController): Promise<void> {
    let frame: ServerFrame;
    try {
      const handler = this.#options.handlers[name] as unknown as AnyAnswer;
      const value = checkedOutput(name, await handler(input, { signal: call.signal }));
      frame = { kind: "reply", id, value };
    } catch (error) {
      frame = { kind: "refused", id, error: this.#describe(name, error) };
    }
    if (call.signal.aborted) return;
    this.#open.delete(id);
    this.#send(frame);
  }

  #stream(id: number, name: ApiName, input: unknown, call: AbortController): void {
    const end = (error: ConsoleError | null): void => {
      if (call.signal.aborted) return;
      call.abort();
      this.#open.delete(id);
      this.#send({ kind: "end", id, error });
    };
    let source: StreamSource<unknown> | null = null;
    let isPumping = false;
    const pump = (): void => {
      isPumping = false;
      if (call.signal.aborted || source === null) return;
      if ((this.#pipe.pendingBytes?.() ?? 0) > pendingBytesMax) {
        schedule(pipeLookAgainMs);
        return;
      }
      try {
        const item = source.take();
        if (item === null) return;
        this.#send({ kind: "item", id, value: checkedOutput(name, item) });
        schedule(0);
      } catch (error) {
        end(this.#describe(name, error));
      }
    };
    const schedule = (delayMs: number): void => {
      if (isPumping || call.signal.aborted) return;
      isPumping = true;
      if (delayMs === 0) setImmediate(pump);
      else setTimeout(pump, delayMs);
    };
    try {
      const open = (this.#options.handlers[name] as unknown as AnyStream)(input);
      const opened = open(() => schedule(0));
      source = opened;
      call.signal.addEventListener("abort", () => opened.close(), { once: true });
      schedule(0);
    } catch (error) {
      end(this.#describe(name, error));
    }
  }

  #describe(name: string, error: unknown): ConsoleError {
    if (error instanceof ConsoleProblem) return error.error;
    const described = this.#options.describeError?.(error) ?? null;
    if (described !== null) return described;
    this.#options.onUnexpected?.(name, error);
    return consoleError(
      "internal",
      "The console failed at this in a way nobody foresaw.",
      "Try again; if it happens again, restart the console and report what was done.",
      { detail: name },
    );
  }

  #refuse(id: number, error: ConsoleError): void {
    this.#send({ kind: "refused", id, error });
  }

  #send(frame: ServerFrame): void {
    this.#pipe.send(JSON.stringify(frame));
  }
}

type AnyAnswer = (input: unknown, scope: CallScope) => Promise<unknown>;
type AnyStream = (input: unknown) => OpenStream<unknown>;

/** What does not fit its schema must not cross, whoever made it: the window trusts these shapes. */
function checkedOutput(name: ApiName, value: unknown): unknown {
  const parsed = consoleApi[name].output.safeParse(value);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`${name} made an answer that does not fit: ${where.join("; ")}`);
}

function isApiName(name: string): name is keyof ConsoleApi {
  return Object.hasOwn(consoleApi, name);
}

function badRequest(sentence: string, detail?: string): ConsoleError {
  return consoleError(
    "bad-request",
    sentence,
    "Reload the window; if that does not help, update the console.",
    detail === undefined ? {} : { detail },
  );
}

type ParsedFrame =
  | { readonly type: "frame"; readonly value: ReturnType<typeof clientFrameSchema.parse> }
  | { readonly type: "garbage"; readonly id: number | null };

function parseFrame(text: string): ParsedFrame {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Not JSON: there is no id to answer to.
    return { type: "garbage", id: null };
  }
  const parsed = clientFrameSchema.safeParse(json);
  if (parsed.success) return { type: "frame", value: parsed.data };
  const id = typeof json === "object" && json !== null && "id" in json ? json.id : null;
  return { type: "garbage", id: Number.isInteger(id) ? (id as number) : null };
}
