import { describe, expect, test } from "vitest";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  counted,
  listNames,
} from "./format.ts";

const gibibyte = 1024 ** 3;

describe("numbers as a person reads them", () => {
  test.each([
    [512 * 1024 ** 2, "512 MiB"],
    [1.5 * gibibyte, "1.5 GiB"],
    [256 * gibibyte, "256 GiB"],
    [3.9 * 1024 * gibibyte, "3.9 TiB"],
    [0, "0 MiB"],
  ])("%d bytes are %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [-5, "0 s", "0 s"],
    [59_999, "59 s", "59 s"],
    [245_000, "4 min 05 s", "4 min"],
    [3_600_000, "1 h 00 min", "1 h"],
    [172_800_000, "2 d 0 h", "2 d"],
  ])("%d ms last %s and are %s old", (ms, duration, age) => {
    expect([formatDuration(ms), formatAge(ms)]).toEqual([duration, age]);
  });

  test.each([
    [1, "1 VM"],
    [0, "0 VMs"],
    [5000, "5,000 VMs"],
  ])("%d is %s", (count, text) => expect(counted(count, "VM")).toBe(text));

  test("thousands are set apart at every length", () => {
    expect([999, 1000, 1234567].map(formatCount)).toEqual(["999", "1,000", "1,234,567"]);
  });

  test.each([
    [[], ""],
    [["a"], "a"],
    [["a", "b"], "a and b"],
    [["a", "b", "c", "d", "e"], "a, b, c and 2 more"],
  ])("%j is listed as %s", (names, text) => expect(listNames(names)).toBe(text));
});
