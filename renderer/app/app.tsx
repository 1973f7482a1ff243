import { useEffect, useRef, useState, type ReactNode } from "react";
import { PoolProvider, useLink, usePools } from "../console/context.tsx";
import { ConnectDialog } from "../features/welcome/connect-dialog.tsx";
import { WelcomePage } from "../features/welcome/welcome-page.tsx";
import { EmptyPicture, LoadingPicture } from "../ui/picture.tsx";
import { Gone } from "./gone.tsx";
import { PoolView } from "./pool-view.tsx";
import { Rail } from "./rail.tsx";
import { RegionGuard } from "./region-guard.tsx";
import { useRoute } from "./use-route.ts";

const SkipLink = () => (
  <a
    className="sk-skip"
    href="#content"
    onClick={(event) => {
      // The address carries the route; only the keyboard moves.
      event.preventDefault();
      document.getElementById("content")?.focus();
    }}
  >
    Skip to content
  </a>
);

const Start = (props: { readonly children: ReactNode }) => (
  <main id="content" className="sk-main sk-content" tabIndex={-1}>
    {props.children}
  </main>
);

/** Goes to the only sensible pool when the window opens without an address of its own. */
const useFirstPool = (go: ReturnType<typeof useRoute>["go"], isWelcome: boolean): void => {
  const pools = usePools();
  const isDecided = useRef(false);
  useEffect(() => {
    if (isDecided.current || pools.status !== "ready") return;
    isDecided.current = true;
    const first =
      pools.value.find((pool) => pool.connection.status !== "disconnected") ?? pools.value[0];
    if (isWelcome && first !== undefined) {
      go({ name: "pool", poolId: first.poolId, room: "overview", hostUuid: null });
    }
  }, [pools, isWelcome, go]);
};

const Window = () => {
  const { route, go } = useRoute();
  const pools = usePools();
  const [isConnecting, setConnecting] = useState(false);
  useFirstPool(go, route.name === "welcome");
  const openPool = (poolId: string): void => {
    setConnecting(false);
    go({ name: "pool", poolId, room: "overview", hostUuid: null });
  };
  const pool =
    route.name === "pool" && pools.status === "ready"
      ? pools.value.find((each) => each.poolId === route.poolId)
      : undefined;
  const body = () => {
    if (pools.status === "loading") {
      return <LoadingPicture label="Asking the backend" />;
    }
    if (route.name === "welcome") {
      return <WelcomePage onConnect={() => setConnecting(true)} onConnected={openPool} />;
    }
    return (
      <EmptyPicture title="This pool is not known">
        It was forgotten, or the address is from another console.
      </EmptyPicture>
    );
  };
  const frame = (
    <div className="sk-app">
      <RegionGuard name="The list of pools">
        <Rail route={route} onConnect={() => setConnecting(true)} />
      </RegionGuard>
      {route.name === "pool" && pool !== undefined ? (
        <PoolView key={pool.poolId} pool={pool} route={route} go={go} />
      ) : (
        <Start>{body()}</Start>
      )}
      <ConnectDialog
        isOpen={isConnecting}
        onClose={() => setConnecting(false)}
        onConnected={openPool}
      />
    </div>
  );
  return <PoolProvider poolId={pool?.poolId ?? null}>{frame}</PoolProvider>;
};

/** The window: skip link, rail, room, and above all of it the truth about the backend. */
export const App = () => {
  const link = useLink();
  const isGone = link.status === "gone";
  return (
    <>
      <div inert={isGone} style={{ height: "100%" }}>
        <SkipLink />
        <Window />
      </div>
      {isGone ? <Gone link={link} /> : null}
    </>
  );
};
