/** Where the window is. The address carries it, so that going back and reloading work. */
export type PoolRoom = "overview" | "vms" | "ha" | "reboot" | "timeline" | "agents";

export type Route =
  | { readonly name: "welcome" }
  | {
      readonly name: "pool";
      readonly poolId: string;
      readonly room: PoolRoom;
      /** overview: the host whose reasons are open; reboot: the host chosen */
      readonly hostUuid: string | null;
    };

const rooms: readonly PoolRoom[] = ["overview", "vms", "ha", "reboot", "timeline", "agents"];

const isRoom = (text: string | undefined): text is PoolRoom => rooms.some((room) => room === text);

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    // A half-typed address is not an error of the console; the raw text finds no pool.
    return text;
  }
};

/** Anything that is no address of the console leads to the welcome screen. */
export const parseRoute = (hash: string): Route => {
  const [head, poolId, room, hostUuid] = hash
    .replace(/^#?\/?/u, "")
    .split("/")
    .map(decoded);
  if (head !== "pool" || poolId === undefined || poolId === "") return { name: "welcome" };
  return {
    name: "pool",
    poolId,
    room: isRoom(room) ? room : "overview",
    hostUuid: hostUuid === undefined || hostUuid === "" ? null : hostUuid,
  };
};

export const hashOf = (route: Route): string => {
  if (route.name === "welcome") return "#/";
  const host = route.hostUuid === null ? "" : `/${encodeURIComponent(route.hostUuid)}`;
  return `#/pool/${encodeURIComponent(route.poolId)}/${route.room}${host}`;
};
