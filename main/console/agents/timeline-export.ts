import type { JournalState, Lane, TimelineItem } from "../../contract/timeline.ts";

export interface ExportInput {
  /** in order of time */
  readonly items: readonly TimelineItem[];
  readonly lanes: readonly Lane[];
  readonly journals: readonly JournalState[];
}

/** One JSON object a line: first what the lanes and clocks are, then the items. */
export function exportLines({ items, lanes, journals }: ExportInput): string {
  const head = { kind: "head", v: 1, lanes, journals };
  return [head, ...items].map((row) => `${JSON.stringify(row)}\n`).join("");
}

/** One page without scripts and without anything from the network. */
export function exportHtml({ items, lanes, journals }: ExportInput, nowMs: number): string {
  const names = new Map(lanes.map(({ id, name }) => [id, name]));
  const rows = items.map((item) => {
    const untilMs = item.kind === "instant" ? null : item.toMs;
    const until =
      item.kind === "instant" ? "" : untilMs === null ? "lasts" : lasted(untilMs - item.atMs);
    const inputs = item.inputs.map(({ name, value }) => `${name}: ${value}`).join("; ");
    const why = [item.rule === null ? "" : `Rule ${item.rule}.`, inputs].filter(Boolean).join(" ");
    const cells = [
      new Date(item.atMs).toISOString(),
      until,
      names.get(item.laneId) ?? item.laneId,
      item.kind === "gap" ? "gap" : item.source,
      item.text,
      why,
    ];
    const marks = `${item.tone} ${item.kind}`;
    return `<tr class="${marks}">${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
  });
  const clocks = journals.map(
    ({ hostName, clockOffsetMs, clockUncertaintyMs, lastSeq, sentence }) =>
      `<li>${escaped(hostName)}: ${offsetWords(clockOffsetMs, clockUncertaintyMs)}; journal up to line ${lastSeq}. ${escaped(sentence)}</li>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Skink timeline</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>${style}</style></head><body>
<h1>Timeline</h1>
<p>Exported ${new Date(nowMs).toISOString()}. Times are UTC on the console's clock.
Agents observe only: nothing here was decided by them.</p>
<h2>Clocks and journals</h2><ul>${clocks.join("")}</ul>
<h2>${items.length} events</h2>
<table><thead><tr>${columns.map((name) => `<th>${name}</th>`).join("")}</tr></thead>
<tbody>
${rows.join("\n")}
</tbody></table></body></html>
`;
}

const columns = ["Time", "Lasted", "Lane", "Source", "What", "Why"];

const style = [
  "body{font:14px/1.4 system-ui,sans-serif;margin:2rem;color:#1a1a1a;background:#fff}",
  "table{border-collapse:collapse;width:100%}",
  "th,td{text-align:left;vertical-align:top;padding:.25rem .5rem;border-bottom:1px solid #ddd}",
  "th{position:sticky;top:0;background:#fff}",
  "td:first-child{white-space:nowrap;font-variant-numeric:tabular-nums}",
  "tr.bad td:first-child{border-left:4px solid #b3261e}",
  "tr.good td:first-child{border-left:4px solid #2e7d32}",
  "tr.notice td:first-child{border-left:4px solid #9a6700}",
  "tr.gap{background:repeating-linear-gradient(45deg,#f4f4f4 0 6px,#fff 6px 12px)}",
].join("\n");

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function lasted(ms: number): string {
  return ms >= 1_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms)} ms`;
}

function offsetWords(offsetMs: number | null, uncertaintyMs: number | null): string {
  if (offsetMs === null) return "clock not measured";
  const size = lasted(Math.abs(offsetMs));
  const side = offsetMs >= 0 ? "ahead of" : "behind";
  return `clock ${size} ${side} the console's, give or take ${Math.ceil(uncertaintyMs ?? 0)} ms`;
}
