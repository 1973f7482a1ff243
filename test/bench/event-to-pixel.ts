import type { Page } from "playwright-core";
import { armPaintWatch, arrivalsIn, whenPainted } from "../browser/paint-watch.ts";
import type { OtherSession } from "./other-session.ts";
import type { WatchedProcess } from "./watched-process.ts";

const paintTimeoutMs = 10_000;
/** Long enough that one change is over before the next, and never in step with anything. */
const pauseMs = { min: 150, max: 450 };

interface VmRecord {
  readonly name_label: string;
  readonly is_a_template: boolean;
  readonly is_control_domain: boolean;
}

export interface EventSample {
  /** from the request leaving the other session to the painted text */
  readonly toPixelMs: number;
  /** of which until the answer to the call */
  readonly callMs: number;
  /** of which until the backend had the next answer to its event call */
  readonly toBackendMs: number;
  /** of which until the next message reached the window */
  readonly toWindowMs: number;
}

/** Renames a VM that is on screen through the other session, as often as asked. */
export async function measureEvents(options: {
  readonly page: Page;
  readonly session: OtherSession;
  readonly backend: WatchedProcess;
  readonly skewMs: number;
  readonly count: number;
}): Promise<EventSample[]> {
  const { page, session, backend, skewMs, count } = options;
  const name = await nameOnScreen(page);
  const ref = await refOf(session, name);
  const samples: EventSample[] = [];
  for (let round = 1; round <= count; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, somewhereBetween(pauseMs)));
    // The name keeps its beginning, so the row stays where it is.
    const text = `${name} · change ${round}`;
    await armPaintWatch(page, [{ selector: 'table[aria-label="VMs"] tbody', text }]);
    const sentAtMs = performance.timeOrigin + performance.now();
    await session.call("VM.set_name_label", ref, text);
    const answeredAtMs = performance.timeOrigin + performance.now();
    const paintedAtMs = (await whenPainted(page, paintTimeoutMs)) - skewMs;
    const told = backend.eventsAnsweredAtMs.find((atMs) => atMs >= sentAtMs);
    const arrived = (await arrivalsIn(page)).find(({ atMs }) => atMs - skewMs >= sentAtMs);
    samples.push({
      toPixelMs: paintedAtMs - sentAtMs,
      callMs: answeredAtMs - sentAtMs,
      toBackendMs: (told ?? Number.NaN) - sentAtMs,
      toWindowMs: (arrived?.atMs ?? Number.NaN) - skewMs - sentAtMs,
    });
  }
  await session.call("VM.set_name_label", ref, name);
  return samples;
}

const somewhereBetween = ({ min, max }: { min: number; max: number }): number =>
  min + Math.random() * (max - min);

async function nameOnScreen(page: Page): Promise<string> {
  const row = page.locator('table[aria-label="VMs"] tbody tr[data-index]').nth(2);
  const label = await row.locator('[aria-label^="Order of "]').getAttribute("aria-label");
  const name = label?.replace(/^Order of /u, "") ?? "";
  if (name === "") {
    throw new Error("the third row of the VMs table names no VM");
  }
  return name;
}

async function refOf(session: OtherSession, name: string): Promise<string> {
  const records = (await session.call("VM.get_all_records")) as Record<string, VmRecord>;
  const found = Object.entries(records).find(
    ([, vm]) => vm.name_label === name && !vm.is_a_template && !vm.is_control_domain,
  );
  if (found === undefined) {
    throw new Error(`no VM is named "${name}"`);
  }
  return found[0];
}
