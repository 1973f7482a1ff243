const gibibyte = 1024 ** 3;
const mebibyte = 1024 ** 2;
const tebibyte = 1024 ** 4;

/** "1.5 TiB", "12.0 GiB", "512 MiB": three digits at most where it matters. */
export const formatBytes = (bytes: number): string => {
  if (bytes >= tebibyte) return `${(bytes / tebibyte).toFixed(1)} TiB`;
  if (bytes >= 10 * gibibyte) return `${Math.round(bytes / gibibyte)} GiB`;
  if (bytes >= gibibyte) return `${(bytes / gibibyte).toFixed(1)} GiB`;
  return `${Math.round(bytes / mebibyte)} MiB`;
};

/** "8 s", "4 min 05 s", "3 h 12 min", "41 d 6 h"; never negative. */
export const formatDuration = (durationMs: number): string => {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

/** One unit only: "8 s", "4 min", "3 h", "41 d". */
export const formatAge = (ageMs: number): string => {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
};

const pad = (value: number): string => String(value).padStart(2, "0");

/** Local wall-clock time, "2026-11-22 21:44:47", the same in every locale. */
export const formatTime = (atMs: number): string => {
  const at = new Date(atMs);
  const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${day} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
};

export const formatCount = (count: number): string =>
  String(count).replace(/\B(?=(\d{3})+$)/gu, ",");

/** "1 VM", "2 VMs", "5,000 VMs". */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** "a", "a and b", "a, b and 3 more": at most `namedMax` names. */
export const listNames = (names: readonly string[], namedMax = 3): string => {
  const named = names.slice(0, namedMax);
  const more = names.length - named.length;
  const parts = more > 0 ? [...named, `${more} more`] : named;
  const last = parts.at(-1) ?? "";
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(", ")} and ${last}`;
};
