/** All calls and operations a node knows, assembled from its modules, next to the datamodel. */
import type {
  CallHandler,
  CallModule,
  CoordinatorOp,
  HiddenSignature,
  HostOp,
  LocalCall,
  NodeService,
} from "../call.ts";
import { classNames, findClass, findMethod, paramsIn } from "../datamodel/datamodel.ts";
import type { MessageModel, ParamModel } from "../datamodel/datamodel.ts";
import { introducedIn, removedIn } from "../datamodel/releases.ts";
import { parseType } from "../datamodel/types.ts";
import { implicitHandler, WHERE } from "./implicit.ts";

export interface Method {
  readonly model: MessageModel;
  readonly params: readonly ParamModel[];
  readonly removed: boolean;
  readonly localCall: LocalCall | null;
  readonly handler: CallHandler | null;
}

function merge<T>(tables: readonly (Readonly<Record<string, T>> | undefined)[]): Map<string, T> {
  const merged = new Map<string, T>();
  for (const table of tables) {
    for (const [name, entry] of Object.entries(table ?? {})) {
      if (merged.has(name)) throw new Error(`${name} is defined twice`);
      merged.set(name, entry);
    }
  }
  return merged;
}

function modelOfHidden(name: string, signature: HiddenSignature): MessageModel {
  const dot = name.indexOf(".");
  return {
    className: name.slice(0, dot),
    name: name.slice(dot + 1),
    params: signature.params.map((param) => ({
      name: param.name,
      type: parseType(param.type),
      required: param.fallback === undefined,
      since: "",
      ...(typeof param.fallback === "object" || param.fallback === undefined
        ? {}
        : { fallback: param.fallback }),
    })),
    result: parseType(signature.result),
    implicit: false,
    async: false,
    needsSession: true,
    hidden: true,
    roles: ["pool-admin"],
    since: "",
    removed: "",
  };
}

/**
 * Every class with records can be searched; the model is that of reading them all, with an
 * expression.
 */
function searchModel(name: string): MessageModel | null {
  const cls = name.endsWith(`.${WHERE}`) ? name.slice(0, -WHERE.length - 1) : "";
  const all = findMethod(`${cls}.get_all_records`);
  if (all === undefined) return null;
  const expression = { name: "expr", type: parseType("string"), required: true, since: "" };
  return { ...all, name: WHERE, params: [expression] };
}

export class Registry {
  readonly #version: string;
  readonly #calls: Map<string, CallHandler>;
  readonly #localCalls: Map<string, LocalCall>;
  readonly #hostOps: Map<string, HostOp>;
  readonly #coordinatorOps: Map<string, CoordinatorOp>;
  readonly #hidden: Map<string, HiddenSignature>;
  readonly #methods = new Map<string, Method | null>();
  readonly services: readonly NodeService[];

  constructor(modules: readonly CallModule[], version: string) {
    this.#version = version;
    this.#calls = merge(modules.map((module) => module.calls));
    this.#localCalls = merge(modules.map((module) => module.localCalls));
    this.#hostOps = merge(modules.map((module) => module.hostOps));
    this.#coordinatorOps = merge(modules.map((module) => module.coordinatorOps));
    this.#hidden = merge(modules.map((module) => module.hidden));
    this.services = modules.flatMap((module) => module.services ?? []);
  }

  /** Null for a method this node does not answer: unknown to its release, or not covered. */
  method(name: string): Method | null {
    const known = this.#methods.get(name);
    if (known !== undefined) return known;
    const found = this.#resolve(name);
    this.#methods.set(name, found);
    return found;
  }

  hostOp(name: string): HostOp | undefined {
    return this.#hostOps.get(name);
  }

  coordinatorOp(name: string): CoordinatorOp | undefined {
    return this.#coordinatorOps.get(name);
  }

  localCall(name: string): LocalCall | undefined {
    return this.#localCalls.get(name);
  }

  /** All synchronous methods that are answered, as `system.listMethods` gives them. */
  names(): readonly string[] {
    const candidates = [
      ...classNames.flatMap((cls) =>
        [...(findClass(cls)?.messages.keys() ?? [])].map((message) => `${cls}.${message}`),
      ),
      ...classNames.map((cls) => `${cls}.${WHERE}`),
      ...this.#hidden.keys(),
    ];
    return [...new Set(candidates)].filter((name) => this.method(name) !== null);
  }

  #resolve(name: string): Method | null {
    const hidden = this.#hidden.get(name);
    const model =
      findMethod(name) ?? (hidden === undefined ? searchModel(name) : modelOfHidden(name, hidden));
    const cls = model === null ? undefined : findClass(model.className);
    if (model === null || cls === undefined) return null;
    if (!introducedIn(this.#version, cls) || !introducedIn(this.#version, model)) return null;
    const removed = removedIn(this.#version, model);
    const localCall = this.#localCalls.get(name) ?? null;
    const handler = this.#calls.get(name) ?? implicitHandler(model, this.#version);
    if (!removed && localCall === null && handler === null) return null;
    return { model, params: paramsIn(model, this.#version), removed, localCall, handler };
  }
}
