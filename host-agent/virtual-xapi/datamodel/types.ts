/** Types of the datamodel, as parsed from their written form such as `(string -> host ref) map`. */
export type WireType =
  | { readonly kind: "void" | "string" | "int" | "int32" | "float" | "bool" | "datetime" }
  | { readonly kind: "enum"; readonly name: string }
  | { readonly kind: "ref" | "record"; readonly className: string }
  | { readonly kind: "set" | "option"; readonly of: WireType }
  | { readonly kind: "map"; readonly key: WireType; readonly value: WireType }
  | { readonly kind: "event-batch" };

const simple = {
  void: { kind: "void" },
  string: { kind: "string" },
  int: { kind: "int" },
  int32: { kind: "int32" },
  float: { kind: "float" },
  bool: { kind: "bool" },
  datetime: { kind: "datetime" },
  "an event batch": { kind: "event-batch" },
} as const satisfies Readonly<Record<string, WireType>>;

const known = new Map<string, WireType>(Object.entries(simple));

/** Parses a written type. Throws on text that is none: a table is wrong then. */
export function parseType(text: string): WireType {
  const cached = known.get(text);
  if (cached !== undefined) {
    return cached;
  }
  const parsed = parseCompound(text.trim());
  known.set(text, parsed);
  return parsed;
}

function parseCompound(text: string): WireType {
  const plain = known.get(text);
  if (plain !== undefined) {
    return plain;
  }
  const space = text.lastIndexOf(" ");
  const head = text.slice(0, space).trim();
  const tail = text.slice(space + 1);
  if (space > 0 && tail === "set") {
    return { kind: "set", of: parseCompound(head) };
  }
  if (space > 0 && tail === "option") {
    return { kind: "option", of: parseCompound(head) };
  }
  if (space > 0 && tail === "map" && head.startsWith("(") && head.endsWith(")")) {
    return parseMap(head.slice(1, -1));
  }
  if (space > 0 && (tail === "ref" || tail === "record")) {
    return { kind: tail, className: head };
  }
  if (text.startsWith("enum ")) {
    return { kind: "enum", name: text.slice("enum ".length) };
  }
  throw new Error(`not a datamodel type: ${text}`);
}

/** Splits `a -> b` at the arrow outside of any parenthesis. */
function parseMap(inner: string): WireType {
  let depth = 0;
  for (let at = 0; at < inner.length; at += 1) {
    const char = inner[at];
    depth += char === "(" ? 1 : char === ")" ? -1 : 0;
    if (depth === 0 && inner.startsWith(" -> ", at)) {
      return {
        kind: "map",
        key: parseCompound(inner.slice(0, at).trim()),
        value: parseCompound(inner.slice(at + " -> ".length).trim()),
      };
    }
  }
  throw new Error(`not a map type: ${inner}`);
}
