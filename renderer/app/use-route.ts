import { useCallback, useSyncExternalStore } from "react";
import { hashOf, parseRoute, type Route } from "../console/route.ts";

const subscribe = (listener: () => void): (() => void) => {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
};

/** The route of the window and how to go elsewhere. */
export const useRoute = (): { readonly route: Route; readonly go: (route: Route) => void } => {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const go = useCallback((route: Route) => {
    location.hash = hashOf(route);
  }, []);
  return { route: parseRoute(hash), go };
};
