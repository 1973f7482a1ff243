/**
 * What happens to work that is still running when its XAPI ends: nothing any more. Every port goes
 * quiet: sleeps and answers never come, and a write from beyond the end is refused.
 */
import type { Ports } from "../ports.ts";

/** Raised into work that outlives its XAPI. Nobody is left to see it. */
export class Ended extends Error {
  override readonly name = "Ended";
}

/** A promise that never settles: what a client of a killed process gets. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

function quietWhenEnded<T>(work: Promise<T>, ended: () => boolean): Promise<T> {
  return new Promise((resolve, reject) => {
    work.then(
      (value) => {
        if (!ended()) resolve(value);
      },
      (error: unknown) => {
        if (!ended()) reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

function refuseWhenEnded<T extends object>(port: T, ended: () => boolean): T {
  return new Proxy(port, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== "function") return member;
      return (...args: readonly unknown[]): unknown => {
        if (ended()) throw new Ended();
        const result: unknown = Reflect.apply(member, target, args);
        return result instanceof Promise ? quietWhenEnded(result, ended) : result;
      };
    },
  });
}

export function guardPorts(ports: Ports, ended: () => boolean): Ports {
  return {
    clock: {
      nowMs: () => ports.clock.nowMs(),
      sleep: (ms, signal) =>
        ended() ? never() : quietWhenEnded(ports.clock.sleep(ms, signal), ended),
    },
    dice: ports.dice,
    disk: refuseWhenEnded(ports.disk, ended),
    peers: refuseWhenEnded(ports.peers, ended),
    domains: refuseWhenEnded(ports.domains, ended),
    storage: refuseWhenEnded(ports.storage, ended),
    power: refuseWhenEnded(ports.power, ended),
    plugins: refuseWhenEnded(ports.plugins, ended),
    log: ports.log,
    ...(ports.watchdog === undefined ? {} : { watchdog: refuseWhenEnded(ports.watchdog, ended) }),
  };
}
