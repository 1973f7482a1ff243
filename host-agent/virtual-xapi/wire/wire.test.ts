import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseType, type WireType } from "../datamodel/types.ts";
import type { XapiValue } from "../value.ts";
import { coerce, formatDatetime, formatFloat, parseDatetime, TypeMismatch } from "./coerce.ts";
import {
  decodeJsonCall,
  encodeJsonCall,
  encodeJsonEmergency,
  encodeJsonFailure,
  encodeJsonSuccess,
} from "./json-rpc.ts";
import { isRawStruct, MalformedRequest, type RawValue } from "./raw.ts";
import {
  decodeXmlCall,
  decodeXmlValue,
  encodeXmlBareArray,
  encodeXmlCall,
  encodeXmlFailure,
  encodeXmlFragment,
  encodeXmlSuccess,
} from "./xml-rpc.ts";

const hostile = [
  "",
  " leading and trailing ",
  "<value>&amp;</value>",
  `quotes "double" and 'single'`,
  "Zoë Ångström, ñandú",
  "line\nbreak\r\nand\ttab",
  "]]> and <![CDATA[x]]>",
  "🦎🔥",
  "&#10;&eacute;",
  "__proto__",
  "123",
  "true",
];
const name = fc.oneof(
  fc.constantFrom(...hostile),
  fc.string({ unit: "grapheme" }).filter((text) => !/[\p{Cc}\p{Cs}\ufffe\uffff]/u.test(text)),
);
const wholeNumber = fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 });

interface Typed {
  readonly type: WireType;
  readonly value: XapiValue;
}

function of(type: string, values: fc.Arbitrary<XapiValue>): fc.Arbitrary<Typed> {
  return values.map((value) => ({ type: parseType(type), value }));
}

/** Values the `%.16g` form keeps. */
const float = fc
  .double({ noNaN: true, min: -1e300, max: 1e300 })
  .map((value) => Number(value.toPrecision(15)) + 0);
const datetime = fc
  .integer({ min: 0, max: 4_000_000_000 })
  .map((seconds) => formatDatetime(seconds * 1_000));
const dictionary = <T extends XapiValue>(values: fc.Arbitrary<T>): fc.Arbitrary<XapiValue> =>
  fc.array(fc.tuple(name, values)).map((entries) => Object.fromEntries(entries));

const typed: fc.Arbitrary<Typed> = fc.oneof(
  of("string", name),
  of("int", wholeNumber),
  of("float", float),
  of("bool", fc.boolean()),
  of("datetime", datetime),
  of("VM ref", name),
  of("enum vm_power_state", fc.constantFrom("Halted", "Paused", "Running", "Suspended")),
  of("string set", fc.array(name)),
  of("string set set", fc.array(fc.array(name))),
  of("(string -> string) map", dictionary(name)),
  of("(string -> int) map", dictionary(wholeNumber)),
  of("(VM ref -> string set) map", dictionary(fc.array(name))),
  of("(VM ref -> (string -> string) map) map", dictionary(dictionary(name))),
  of(
    "VM record",
    fc.record({
      name_label: name,
      memory_static_max: wholeNumber,
      is_a_template: fc.boolean(),
      other_config: dictionary(name),
      snapshot_time: datetime,
    }),
  ),
);

function valueOf(envelope: RawValue): RawValue {
  expect(isRawStruct(envelope) && envelope["Status"]).toBe("Success");
  return isRawStruct(envelope) ? (envelope["Value"] ?? null) : null;
}

describe("XML-RPC", () => {
  it("gives back every typed value it wrote", () => {
    fc.assert(
      fc.property(typed, ({ type, value }) => {
        expect(coerce(valueOf(decodeXmlValue(encodeXmlSuccess(value, type))), type)).toEqual(value);
        expect(coerce(decodeXmlValue(encodeXmlFragment(value, type)), type)).toEqual(value);
      }),
    );
  });

  it("reads the calls that clients write", () => {
    fc.assert(
      fc.property(name, fc.array(name), dictionary(name), (text, list, map) => {
        const params = [text, list, map, true] as RawValue[];
        expect(decodeXmlCall(encodeXmlCall("VM.start", params))).toEqual({
          method: "VM.start",
          params,
        });
      }),
    );
  });

  it("accepts an integer as int, i4 or string, with entities, comments and CDATA around", () => {
    const call = decodeXmlCall(
      `<?xml version="1.0"?>\n<methodCall>\n <methodName> pool.x </methodName><!-- why -->
       <params><param><value><int>7</int></value></param>
       <param><value> <i4> 7 </i4> </value></param><param><value>7</value></param>
       <param><value><string>a &#233; <![CDATA[<&amp;>]]></string></value></param>
       <param><value><struct><member><name>k</name>
       <value><array><data><value><boolean>1</boolean></value>
       <value/></data></array></value></member></struct></value></param></params></methodCall>`,
    );
    expect(call.method).toBe("pool.x");
    const int = parseType("int");
    expect(call.params.slice(0, 3).map((raw) => coerce(raw, int))).toEqual([7, 7, 7]);
    expect(call.params.slice(3)).toEqual(["a é <&amp;>", { k: [true, ""] }]);
  });

  it("holds more entities than an entity bomb guard would allow", () => {
    const text = "<&>".repeat(5_000);
    expect(decodeXmlCall(encodeXmlCall("x", [text])).params).toEqual([text]);
  });

  it.each(["", "nonsense", "<methodCall>", "<a/>", "<methodCall><params/></methodCall>"])(
    "refuses %j as malformed",
    (body) => {
      expect(() => decodeXmlCall(body)).toThrow(MalformedRequest);
    },
  );

  it("refuses a document type", () => {
    const body =
      '<!DOCTYPE x [<!ENTITY e "boo">]><methodCall><methodName>&e;</methodName></methodCall>';
    expect(() => decodeXmlCall(body)).toThrow(MalformedRequest);
  });

  it("types the answer by the datamodel", () => {
    const record = encodeXmlSuccess(
      { memory_static_max: 1024, HVM_shadow_multiplier: 1.5, is_a_template: true },
      parseType("VM record"),
    );
    expect(record).toContain("<name>memory_static_max</name><value>1024</value>");
    expect(record).toContain("<value><double>1.5</double></value>");
    expect(record).toContain("<value><boolean>1</boolean></value>");
    const batch = encodeXmlSuccess(
      {
        events: [
          { id: 4, class: "vm", operation: "add", snapshot: { domid: 3, is_a_template: false } },
        ],
        valid_ref_counts: { vm: 2 },
        token: "t",
      },
      parseType("an event batch"),
    );
    expect(batch).toContain("<name>vm</name><value><i4>2</i4></value>");
    expect(batch).toContain("<name>id</name><value>4</value>");
    expect(batch).toContain("<name>domid</name><value>3</value>");
    expect(batch).toContain("<name>is_a_template</name><value><boolean>0</boolean></value>");
  });

  it("wraps a failure, leaves a list of methods bare, and a void fragment empty", () => {
    expect(decodeXmlValue(encodeXmlFailure(["HOST_IS_SLAVE", "10.0.0.1"]))).toEqual({
      Status: "Failure",
      ErrorDescription: ["HOST_IS_SLAVE", "10.0.0.1"],
    });
    expect(decodeXmlValue(encodeXmlBareArray(["a.b", "c.d"]))).toEqual(["a.b", "c.d"]);
    expect(encodeXmlFragment("", parseType("void"))).toBe("");
    expect(encodeXmlFragment("OpaqueRef:1", parseType("VM ref"))).toBe(
      "<value>OpaqueRef:1</value>",
    );
  });
});

describe("JSON-RPC", () => {
  it("gives back every typed value it wrote, in both versions", () => {
    fc.assert(
      fc.property(typed, fc.constantFrom(1, 2), ({ type, value }, version) => {
        const reply = JSON.parse(
          encodeJsonSuccess({ version: version === 1 ? 1 : 2, id: "q" }, value, type),
        ) as { result: RawValue };
        expect(coerce(reply.result, type)).toEqual(value);
      }),
    );
  });

  it("tells the versions apart by the version field", () => {
    const call = { id: 3, method: "VM.start", params: ["a"] };
    expect(decodeJsonCall(JSON.stringify(call))).toEqual({ ...call, version: 1 });
    expect(decodeJsonCall(encodeJsonCall({ ...call, version: 2 }))).toEqual({
      ...call,
      version: 2,
    });
  });

  it("shapes failures per version, and emergency answers like nothing else", () => {
    const error = ["VM_IS_TEMPLATE", "OpaqueRef:1"];
    expect(JSON.parse(encodeJsonFailure({ version: 1, id: 9 }, error))).toEqual({
      result: null,
      error,
      id: 9,
    });
    expect(JSON.parse(encodeJsonFailure({ version: 2, id: "x" }, error))).toEqual({
      jsonrpc: "2.0",
      error: { code: 1, message: "VM_IS_TEMPLATE", data: ["OpaqueRef:1"] },
      id: "x",
    });
    expect(encodeJsonEmergency(["HOST_STILL_BOOTING"])).toBe(
      '{"jsonrpc":"2.0","error":["HOST_STILL_BOOTING"],"id":0}',
    );
  });

  it.each([
    "",
    "[]",
    '{"method":"a","params":[]}',
    '{"method":"a","params":[],"id":null}',
    '{"method":"a","params":[],"id":1.5}',
    '{"method":"a","params":{"b":1},"id":1}',
    '{"params":[],"id":1}',
  ])("refuses %j as malformed", (body) => {
    expect(() => decodeJsonCall(body)).toThrow(MalformedRequest);
  });
});

describe("typed values", () => {
  it.each([
    ["int", "x"],
    ["int", 1.5],
    ["int", ""],
    ["bool", "true"],
    ["string", 1],
    ["datetime", "yesterday"],
    ["string set", "x"],
    ["(string -> string) map", []],
    ["(string -> string) map", { a: 1 }],
    ["enum vm_power_state", "Sleeping"],
  ] as [string, RawValue][])("refuses a wrong %s: %j", (type, raw) => {
    expect(() => coerce(raw, parseType(type))).toThrow(TypeMismatch);
  });

  it("prints floats with sixteen digits at most", () => {
    expect(
      [0, 1, 0.1, 1 / 3, 1e21, 1.5e-7, 1690000000, -2.5, 1e16, 123456789012345].map(formatFloat),
    ).toEqual([
      "0",
      "1",
      "0.1",
      "0.3333333333333333",
      "1e+21",
      "1.5e-07",
      "1690000000",
      "-2.5",
      "1e+16",
      "123456789012345",
    ]);
  });

  it("reads back the datetimes it prints", () => {
    expect(formatDatetime(Date.UTC(2026, 10, 22, 21, 5, 9))).toBe("20261122T21:05:09Z");
    expect(parseDatetime("20261122T21:05:09Z")).toBe(Date.UTC(2026, 10, 22, 21, 5, 9));
    expect(parseDatetime("soon")).toBeNaN();
    fc.assert(
      fc.property(fc.integer({ min: -62_000_000_000, max: 250_000_000_000 }), (seconds) => {
        const text = formatDatetime(seconds * 1_000);
        const known = new Date(seconds * 1_000).toISOString();
        expect(text).toBe(`${known.slice(0, 19).replaceAll("-", "")}Z`);
        expect(parseDatetime(text)).toBe(seconds * 1_000);
      }),
    );
  });
});
