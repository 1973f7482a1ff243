import fc from "fast-check";
import { expect, test } from "vitest";
import { median, quantile } from "./statistics.ts";

test.each([
  { samples: [5], share: 0.95, value: 5 },
  { samples: [3, 1, 2], share: 0.5, value: 2 },
  { samples: [4, 1, 3, 2], share: 0.5, value: 2 },
  { samples: Array.from({ length: 100 }, (_, index) => index + 1), share: 0.95, value: 95 },
  { samples: Array.from({ length: 40 }, (_, index) => index + 1), share: 0.95, value: 38 },
  { samples: [1, 2], share: 0, value: 1 },
  { samples: [1, 2], share: 1, value: 2 },
])("quantile $share of $samples is $value", ({ samples, share, value }) => {
  expect(quantile(samples, share)).toBe(value);
});

test("at least the share lies at or below, whatever the samples", () => {
  const samples = fc.array(fc.integer(), { minLength: 1 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(samples, share, (values, wanted) => {
      const found = quantile(values, wanted);
      const atOrBelow = values.filter((value) => value <= found).length;
      expect(values).toContain(found);
      expect(atOrBelow).toBeGreaterThanOrEqual(wanted * values.length - 1e-9);
    }),
  );
});

test("no samples have no median", () => {
  expect(() => median([])).toThrow("no samples");
});
