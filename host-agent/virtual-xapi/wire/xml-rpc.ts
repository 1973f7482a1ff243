/** XML-RPC as XAPI speaks it: 64-bit integers travel as untyped strings, failures with HTTP 200. */
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { classNameOf, findClass } from "../datamodel/datamodel.ts";
import type { WireType } from "../datamodel/types.ts";
import type { XapiValue } from "../value.ts";
import { formatFloat } from "./coerce.ts";
import { MalformedRequest, type RawValue } from "./raw.ts";

export interface XmlCall {
  readonly method: string;
  readonly params: readonly RawValue[];
}

export const XML_CONTENT_TYPE = "text/xml";

const parser = new XMLParser({
  preserveOrder: true,
  trimValues: false,
  parseTagValue: false,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  // Entities are resolved below: the parser would cap how many a body may hold.
  processEntities: false,
  cdataPropName: "#cdata",
});

type XmlNode = { readonly [tag: string]: unknown };

const TEXT = "#text";
const CDATA = "#cdata";

const namedEntities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function resolveEntity(whole: string, body: string): string {
  const numeric = /^#(?:x([0-9a-f]+)|(\d+))$/iu.exec(body);
  if (numeric === null) {
    return namedEntities[body] ?? whole;
  }
  const code = numeric[1] === undefined ? Number(numeric[2]) : Number.parseInt(numeric[1], 16);
  if (code > 0x10ffff) {
    throw new MalformedRequest("character reference out of range");
  }
  return String.fromCodePoint(code);
}

function unescapeText(text: string): string {
  return text.includes("&") ? text.replace(/&([#\w]+);/gu, resolveEntity) : text;
}

function parseDocument(text: string): readonly XmlNode[] {
  if (text.includes("<!DOCTYPE") || XMLValidator.validate(text) !== true) {
    throw new MalformedRequest("not well-formed XML");
  }
  try {
    return parser.parse(text) as XmlNode[];
  } catch {
    throw new MalformedRequest("not well-formed XML");
  }
}

function tagOf(node: XmlNode): string {
  return Object.keys(node)[0] ?? "";
}

function childrenOf(node: XmlNode): readonly XmlNode[] {
  const children = node[tagOf(node)];
  return Array.isArray(children) ? (children as XmlNode[]) : [];
}

function elementsOf(nodes: readonly XmlNode[]): readonly XmlNode[] {
  return nodes.filter((node) => tagOf(node) !== TEXT && tagOf(node) !== CDATA);
}

function textOf(nodes: readonly XmlNode[]): string {
  return nodes
    .map((node) => {
      const tag = tagOf(node);
      if (tag === TEXT) {
        return unescapeText(String(node[TEXT]));
      }
      return tag === CDATA
        ? childrenOf(node)
            .map((part) => String(part[TEXT]))
            .join("")
        : "";
    })
    .join("");
}

function child(nodes: readonly XmlNode[], tag: string): readonly XmlNode[] {
  const found = nodes.find((node) => tagOf(node) === tag);
  if (found === undefined) {
    throw new MalformedRequest(`element ${tag} is missing`);
  }
  return childrenOf(found);
}

function numberOf(text: string): number {
  const value = Number(text.trim());
  if (text.trim() === "" || Number.isNaN(value)) {
    throw new MalformedRequest("not a number");
  }
  return value;
}

function readStruct(nodes: readonly XmlNode[]): RawValue {
  const members = elementsOf(nodes).map((member): [string, RawValue] => {
    const parts = childrenOf(member);
    return [textOf(child(parts, "name")), readValue(child(parts, "value"))];
  });
  return Object.fromEntries(members);
}

function readTyped(node: XmlNode): RawValue {
  const inner = childrenOf(node);
  switch (tagOf(node)) {
    case "string":
    case "base64":
      return textOf(inner);
    case "int":
    case "i4":
    case "i8":
    case "double":
      return numberOf(textOf(inner));
    case "boolean":
      return textOf(inner).trim() === "1" || textOf(inner).trim() === "true";
    case "dateTime.iso8601":
      return textOf(inner).trim();
    case "array":
      return elementsOf(child(inner, "data")).map((item) => readValue(childrenOf(item)));
    case "struct":
      return readStruct(inner);
    case "nil":
      return null;
    default:
      throw new MalformedRequest(`unknown value type ${tagOf(node)}`);
  }
}

/** `nodes` are the children of a `value` element. */
function readValue(nodes: readonly XmlNode[]): RawValue {
  const typed = elementsOf(nodes)[0];
  return typed === undefined ? textOf(nodes) : readTyped(typed);
}

function paramsOf(nodes: readonly XmlNode[]): readonly RawValue[] {
  const params = nodes.find((node) => tagOf(node) === "params");
  return params === undefined
    ? []
    : elementsOf(childrenOf(params)).map((param) => readValue(child(childrenOf(param), "value")));
}

/** Reads a request body. Throws `MalformedRequest`. */
export function decodeXmlCall(text: string): XmlCall {
  const call = child(parseDocument(text), "methodCall");
  return { method: textOf(child(call, "methodName")).trim(), params: paramsOf(call) };
}

/** Reads the value of a response body (with its `Status` envelope, if any) or of a fragment. */
export function decodeXmlValue(text: string): RawValue {
  const nodes = parseDocument(text);
  const root = elementsOf(nodes)[0];
  if (root !== undefined && tagOf(root) === "methodResponse") {
    return paramsOf(childrenOf(root))[0] ?? "";
  }
  return readValue(child(nodes, "value"));
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\r": "&#13;",
};

/** Everything an XML 1.0 document cannot hold, written `?`. */
// oxlint-disable-next-line no-control-regex -- these are the characters to keep out
const unwritable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

function escapeXml(text: string): string {
  return text.replace(unwritable, "?").replace(/[&<>"'\r]/gu, (char) => escapes[char] ?? char);
}

function member(name: string, value: string): string {
  return `<member><name>${escapeXml(name)}</name>${value}</member>`;
}

function struct(members: readonly string[]): string {
  return `<value><struct>${members.join("")}</struct></value>`;
}

function array(items: readonly string[]): string {
  return `<value><array><data>${items.join("")}</data></array></value>`;
}

function text(value: string): string {
  return `<value>${escapeXml(value)}</value>`;
}

function entriesOf(value: XapiValue): readonly (readonly [string, XapiValue])[] {
  return typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : [];
}

function itemsOf(value: XapiValue): readonly XapiValue[] {
  return Array.isArray(value) ? (value as readonly XapiValue[]) : [];
}

const untyped: WireType = { kind: "string" };

function writeRecord(value: XapiValue, className: string): string {
  const fields = findClass(className)?.fields;
  return struct(
    entriesOf(value).map(([name, item]) =>
      member(name, write(item, fields?.get(name)?.type ?? untyped)),
    ),
  );
}

/** An event's snapshot is typed by the event's own class. */
function writeEvent(value: XapiValue): string {
  const event = Object.fromEntries(entriesOf(value));
  const className = classNameOf(String(event["class"] ?? ""));
  const members = Object.entries(event).map(([name, item]) =>
    member(
      name,
      name === "snapshot" && className !== undefined
        ? writeRecord(item, className)
        : write(item, untyped),
    ),
  );
  return struct(members);
}

function writeEventBatch(value: XapiValue): string {
  const batch = Object.fromEntries(entriesOf(value));
  const counts = entriesOf(batch["valid_ref_counts"] ?? {}).map(([name, count]) =>
    member(name, write(count, { kind: "int32" })),
  );
  return struct([
    member("events", array(itemsOf(batch["events"] ?? []).map(writeEvent))),
    member("valid_ref_counts", struct(counts)),
    member("token", text(String(batch["token"] ?? ""))),
  ]);
}

function write(value: XapiValue, type: WireType): string {
  switch (type.kind) {
    case "void":
      return "<value></value>";
    case "string":
    case "enum":
    case "ref":
    case "int":
      return text(String(value));
    case "int32":
      return `<value><i4>${String(value)}</i4></value>`;
    case "float":
      return `<value><double>${formatFloat(Number(value))}</double></value>`;
    case "bool":
      return `<value><boolean>${value === true ? "1" : "0"}</boolean></value>`;
    case "datetime":
      return `<value><dateTime.iso8601>${escapeXml(String(value))}</dateTime.iso8601></value>`;
    case "set":
    case "option":
      return array(
        itemsOf(value).map((item) =>
          type.of.kind === "record" && type.of.className === "event"
            ? writeEvent(item)
            : write(item, type.of),
        ),
      );
    case "map":
      return struct(entriesOf(value).map(([name, item]) => member(name, write(item, type.value))));
    case "record":
      return writeRecord(value, type.className);
    case "event-batch":
      return writeEventBatch(value);
  }
}

function response(value: string): string {
  return `<?xml version="1.0"?><methodResponse><params><param>${value}</param></params></methodResponse>`;
}

export function encodeXmlSuccess(value: XapiValue, type: WireType): string {
  return response(struct([member("Status", text("Success")), member("Value", write(value, type))]));
}

/** `error` is `[code, ...params]`. */
export function encodeXmlFailure(error: readonly string[]): string {
  return response(
    struct([
      member("Status", text("Failure")),
      member("ErrorDescription", array(error.map((part) => text(part)))),
    ]),
  );
}

/** `system.listMethods` answers without the `Status` envelope. */
export function encodeXmlBareArray(items: readonly string[]): string {
  return response(array(items.map((item) => text(item))));
}

/** What `task.result` holds: a `value` element, or nothing for a call without a result. */
export function encodeXmlFragment(value: XapiValue, type: WireType): string {
  return type.kind === "void" ? "" : write(value, type);
}

function writeRaw(value: RawValue): string {
  if (value === null) {
    return "<value><nil/></value>";
  }
  if (Array.isArray(value)) {
    return array((value as readonly RawValue[]).map(writeRaw));
  }
  if (typeof value === "boolean") {
    return write(value, { kind: "bool" });
  }
  if (typeof value === "number" && !Number.isInteger(value)) {
    return write(value, { kind: "float" });
  }
  return typeof value === "object"
    ? struct(Object.entries(value).map(([name, item]) => member(name, writeRaw(item))))
    : text(String(value));
}

/** A request as a client writes it; whole numbers as untyped strings. */
export function encodeXmlCall(method: string, params: readonly RawValue[]): string {
  const body = params.map((param) => `<param>${writeRaw(param)}</param>`).join("");
  return `<?xml version="1.0"?><methodCall><methodName>${escapeXml(method)}</methodName><params>${body}</params></methodCall>`;
}
