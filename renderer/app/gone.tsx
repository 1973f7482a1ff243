import { Button } from "@mantine/core";
import type { LinkState } from "../console/client.ts";
import { useClient } from "../console/context.tsx";
import { Lasting } from "../ui/age.tsx";
import { useNowMs } from "../ui/clock.ts";
import { formatAge } from "../ui/format.ts";
import { GonePicture } from "../ui/picture.tsx";

type GoneState = Extract<LinkState, { status: "gone" }>;

const Retry = ({ nextTryAtMs }: { readonly nextTryAtMs: number }) => {
  const leftMs = nextTryAtMs - useNowMs();
  return <>{leftMs > 0 ? `Next try in ${formatAge(leftMs + 999)}.` : "Trying now."}</>;
};

/** Covers the window while the backend is silent: a picture of its own, never a stale screen. */
export const Gone = ({ link }: { readonly link: GoneState }) => {
  const client = useClient();
  const isLocked = link.reason === "locked";
  return (
    <div className="sk-gone">
      <GonePicture
        title={isLocked ? "This window is locked" : "The console's backend is gone"}
        actions={<Button onClick={() => client.retryNow()}>Try now</Button>}
      >
        <p>{link.sentence}</p>
        {isLocked ? (
          <p>Open the link that the console prints, or start the console again for a new one.</p>
        ) : (
          <p>
            For <Lasting fromMs={link.sinceMs} toMs={null} /> nothing can be said about any pool.
            VMs and hosts are not affected.{" "}
            {link.nextTryAtMs === null ? null : <Retry nextTryAtMs={link.nextTryAtMs} />}
          </p>
        )}
      </GonePicture>
    </div>
  );
};
