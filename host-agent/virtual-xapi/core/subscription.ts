/** What a client asks events of: everything, one class, or one object. */
import { XapiFailure } from "../value.ts";

export type Subscription =
  | { readonly type: "all" }
  | { readonly type: "class"; readonly name: string }
  | { readonly type: "object"; readonly name: string; readonly ref: string };

/** Classes whose objects cause no events. */
const SILENT = new Set(["session", "user", "secret"]);

/** Throws `EVENT_SUBSCRIPTION_PARSE_FAILURE [text]`. Class names are taken in any case. */
export function parseSubscription(text: string): Subscription {
  if (text === "*") return { type: "all" };
  const slash = text.indexOf("/");
  const name = (slash < 0 ? text : text.slice(0, slash)).toLowerCase();
  if (name === "") throw new XapiFailure("EVENT_SUBSCRIPTION_PARSE_FAILURE", text);
  return slash < 0 ? { type: "class", name } : { type: "object", name, ref: text.slice(slash + 1) };
}

export function wantsClass(subscriptions: readonly Subscription[], cls: string): boolean {
  const name = cls.toLowerCase();
  return (
    !SILENT.has(name) &&
    subscriptions.some((wanted) => wanted.type === "all" || wanted.name === name)
  );
}

export function wantsObject(
  subscriptions: readonly Subscription[],
  cls: string,
  ref: string,
): boolean {
  const name = cls.toLowerCase();
  if (SILENT.has(name)) return false;
  return subscriptions.some((wanted) => {
    switch (wanted.type) {
      case "all":
        return true;
      case "class":
        return wanted.name === name;
      case "object":
        return wanted.name === name && wanted.ref === ref;
    }
  });
}

export function isTaskOnly(subscriptions: readonly Subscription[]): boolean {
  return subscriptions.every((wanted) => wanted.type !== "all" && wanted.name === "task");
}

export function sameSubscription(left: Subscription, right: Subscription): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
