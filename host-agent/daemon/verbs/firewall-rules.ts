/*
 * The one firewall rule as text. dom0 accepts what its own chain names, so the rule goes there when
 * the chain exists; its comment is how it is found again.
 */

export const dom0Chain = "RH-Firewall-1-INPUT";

/** What follows the chain's name, as iptables takes and prints it. */
export function ruleWords(port: number): readonly string[] {
  const words = `-p udp -m udp --dport ${port} -m comment --comment skink -j ACCEPT`;
  return words.split(" ");
}

/** A line of `iptables -S`, or of the kept file, that is this program's. */
export function isOwnRule(row: string): boolean {
  return /^-A \S+ .*--comment "?skink"?(\s|$)/.test(row);
}

export function wordsOf(row: string): readonly string[] {
  return row.trim().replaceAll('"', "").split(/\s+/);
}

export function isRuleFor(row: string, port: number): boolean {
  return isOwnRule(row) && wordsOf(row).slice(2).join(" ") === ruleWords(port).join(" ");
}

/** The kept rules with this program's rule first in its chain; unchanged when it is there. */
export function withRule(text: string, port: number): string {
  const rows = text.split("\n");
  const own = rows.filter(isOwnRule);
  const [first] = own;
  if (own.length === 1 && first !== undefined && isRuleFor(first, port)) return text;
  const others = rows.filter((row) => !isOwnRule(row));
  const start = others.indexOf("*filter");
  if (start === -1) return text;
  const length = others.slice(start).findIndex((row) => row.trim() === "COMMIT");
  const end = length === -1 ? others.length : start + length;
  const table = others.slice(start, end);
  const chain = table.some((row) => row.startsWith(`:${dom0Chain} `)) ? dom0Chain : "INPUT";
  const inTable = table.findIndex((row) => row.startsWith(`-A ${chain} `));
  const at = inTable === -1 ? end : start + inTable;
  const rule = `-A ${chain} ${ruleWords(port).join(" ")}`;
  return [...others.slice(0, at), rule, ...others.slice(at)].join("\n");
}

export function withoutRule(text: string): string {
  const rows = text.split("\n");
  const others = rows.filter((row) => !isOwnRule(row));
  return others.length === rows.length ? text : others.join("\n");
}
