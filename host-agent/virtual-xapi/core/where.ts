/** The little language of `get_all_records_where`: `field "name_label" = "a" and not (true)`. */
import { XapiFailure, type XapiRecord } from "../value.ts";

type Test = (record: XapiRecord) => boolean;
type Operand = (record: XapiRecord) => string;

interface Cursor {
  readonly tokens: readonly string[];
  at: number;
}

const tokenPattern = /\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[()=]|[A-Za-z_]+)/uy;

function tokenize(text: string): readonly string[] {
  const tokens: string[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.trimEnd().length) {
    const found = tokenPattern.exec(text);
    if (found?.[1] === undefined) throw bad(text);
    tokens.push(found[1]);
  }
  return tokens;
}

function bad(text: string): XapiFailure {
  return new XapiFailure("INTERNAL_ERROR", `cannot read the expression ${text}`);
}

function unquote(token: string | undefined): string {
  if (token === undefined || !/^["']/u.test(token)) throw bad(token ?? "");
  return token.slice(1, -1).replaceAll(/\\(.)/gu, "$1");
}

function next(cursor: Cursor): string | undefined {
  const token = cursor.tokens[cursor.at];
  cursor.at += 1;
  return token;
}

function peek(cursor: Cursor): string {
  return (cursor.tokens[cursor.at] ?? "").toLowerCase();
}

function operand(cursor: Cursor): Operand {
  if (peek(cursor) !== "field") {
    const literal = unquote(next(cursor));
    return () => literal;
  }
  next(cursor);
  const field = unquote(next(cursor));
  return (record) => {
    const value = record[field];
    if (value === undefined) throw bad(field);
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  };
}

function equality(cursor: Cursor): Test {
  const left = operand(cursor);
  if (next(cursor) !== "=") throw bad("=");
  const right = operand(cursor);
  return (record) => left(record) === right(record);
}

function factor(cursor: Cursor): Test {
  switch (peek(cursor)) {
    case "true":
      next(cursor);
      return () => true;
    case "false":
      next(cursor);
      return () => false;
    case "not": {
      next(cursor);
      const inner = factor(cursor);
      return (record) => !inner(record);
    }
    case "(": {
      next(cursor);
      const inner = disjunction(cursor);
      if (next(cursor) !== ")") throw bad(")");
      return inner;
    }
    default:
      return equality(cursor);
  }
}

function chain(cursor: Cursor, word: "and" | "or", part: (cursor: Cursor) => Test): Test {
  const tests = [part(cursor)];
  while (peek(cursor) === word) {
    next(cursor);
    tests.push(part(cursor));
  }
  return word === "and"
    ? (record) => tests.every((test) => test(record))
    : (record) => tests.some((test) => test(record));
}

function conjunction(cursor: Cursor): Test {
  return chain(cursor, "and", factor);
}

function disjunction(cursor: Cursor): Test {
  return chain(cursor, "or", conjunction);
}

/** Throws `INTERNAL_ERROR` for text that is no expression. */
export function parseWhere(text: string): Test {
  const cursor: Cursor = { tokens: tokenize(text), at: 0 };
  const test = disjunction(cursor);
  if (cursor.at !== cursor.tokens.length) throw bad(text);
  return test;
}
