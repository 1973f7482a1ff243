/**
 * Which parts of the datamodel exist in which XAPI. A version is a full XAPI version such as
 * `1.249.41` (XCP-ng 8.2) or `26.1.4` (late 8.3); releases in the tables are either such numbers or
 * old code names.
 */
export interface Lifecycle {
  /** Release that introduced it; empty when it was always there. */
  readonly since: string;
  /** Release that removed it; empty while it is there. */
  readonly removed: string;
}

/** Oldest first. All of them precede every numbered release that the tables name. */
const codeNames: readonly string[] = [
  "rio",
  "miami",
  "symc",
  "orlando",
  "orlando-update-1",
  "george",
  "midnight-ride",
  "cowley",
  "boston",
  "tampa",
  "clearwater",
  "vgpu-tech-preview",
  "vgpu-productisation",
  "clearwater-felton",
  "clearwater-whetstone",
  "creedence",
  "cream",
  "indigo",
  "dundee",
  "ely",
  "falcon",
  "inverness",
  "jura",
  "kolkata",
  "lima",
  "naples",
  "oslo",
  "quebec",
  "stockholm",
  "stockholm_psr",
];

/** Code names given after the 8.2 line had been cut; they were released with numbered versions. */
const lateCodeNames: Readonly<Record<string, string>> = {
  "nile-preview": "21.2.0",
  nile: "21.3.0",
  orinoco: "22.19.0",
};

/** The two generations that presets offer. */
export const GENERATION_8_2 = "1.249.41";
export const GENERATION_8_3 = "26.1.4";

function numbers(version: string): readonly number[] {
  const numeric = lateCodeNames[version] ?? version;
  return numeric
    .split(/[.-]/u)
    .map((part) => Number.parseInt(part, 10))
    .filter((part) => !Number.isNaN(part));
}

/** Negative when `left` is older, 0 when equal, positive when newer. Missing parts count as 0. */
export function compareReleases(left: string, right: string): number {
  const leftName = codeNames.indexOf(left);
  const rightName = codeNames.indexOf(right);
  if (leftName >= 0 || rightName >= 0) {
    const last = codeNames.length;
    return (leftName < 0 ? last : leftName) - (rightName < 0 ? last : rightName);
  }
  const a = numbers(left);
  const b = numbers(right);
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}

/** Whether `version` is at least `release`. */
export function isAtLeast(version: string, release: string): boolean {
  return release === "" || compareReleases(version, release) >= 0;
}

/** Whether it has been introduced; a removed message still exists and says so. */
export function introducedIn(version: string, lifecycle: Lifecycle): boolean {
  return isAtLeast(version, lifecycle.since);
}

export function removedIn(version: string, lifecycle: Lifecycle): boolean {
  return lifecycle.removed !== "" && isAtLeast(version, lifecycle.removed);
}

export function existsIn(version: string, lifecycle: Lifecycle): boolean {
  return introducedIn(version, lifecycle) && !removedIn(version, lifecycle);
}
