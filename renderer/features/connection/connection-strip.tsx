import { Button, PasswordInput } from "@mantine/core";
import { useState } from "react";
import type { Connection } from "../../../main/contract/pool.ts";
import { useCommand, usePoolFacts, usePoolId } from "../../console/context.tsx";
import { Lasting } from "../../ui/age.tsx";
import { useNowMs } from "../../ui/clock.ts";
import { formatAge } from "../../ui/format.ts";
import { FailureNotice, Notice } from "../../ui/notice.tsx";
import { EmptyPicture } from "../../ui/picture.tsx";
import { connectionWords, isSilenceExpected } from "./connection-words.ts";
import "./connection.css";

/** Always in the same place: can the picture be believed, through whom, and since when. */
export const ConnectionStrip = () => {
  const connection = usePoolFacts((facts) => facts.connection);
  const words = connectionWords(connection);
  return (
    <div className="sk-strip" data-tone={words.tone} role="status" aria-label="Connection">
      <span className="sk-strip__dot" aria-hidden />
      <strong className="sk-cut">{words.title}</strong>
      {words.sinceMs === null || !words.isAging ? null : (
        <span className="sk-nowrap">
          for <Lasting fromMs={words.sinceMs} toMs={null} />
        </span>
      )}
    </div>
  );
};

const NextTry = ({ atMs }: { readonly atMs: number }) => {
  const leftMs = atMs - useNowMs();
  return <>{leftMs > 999 ? `next try in ${formatAge(leftMs)}` : "trying now"}</>;
};

type Stale = Extract<Connection, { status: "stale" }>;

const Tried = ({ tried }: Pick<Stale, "tried">) =>
  tried.length === 0 ? null : (
    <details>
      <summary>Members tried</summary>
      <ul>
        {tried.map((each) => (
          <li key={`${each.address} ${each.sentence}`}>
            {each.name} ({each.address}): {each.sentence}
          </li>
        ))}
      </ul>
    </details>
  );

/** A run hands roles over and reboots: advice for an emergency would be wrong, and dangerous. */
const ExpectedSilence = (props: { readonly connection: Stale; readonly hostName: string }) => (
  <Notice tone="accent">
    <p>
      <strong>
        The pool has not answered for <Lasting fromMs={props.connection.sinceMs} toMs={null} />.
      </strong>{" "}
      The reboot of {props.hostName} is under way and causes this while the coordinator changes or
      restarts.
    </p>
    <p className="sk-notice__step">
      <b>Next step:</b> Wait. The run goes on by itself; do nothing on the hosts meanwhile. Every
      verdict is Unknown until then.
    </p>
    <Tried tried={props.connection.tried} />
  </Notice>
);

const UnexpectedSilence = ({ connection }: { readonly connection: Stale }) => {
  const poolId = usePoolId();
  const reconnect = useCommand("pools.reconnect");
  return (
    <Notice
      tone="warn"
      action={
        <Button
          variant="default"
          loading={reconnect.isBusy}
          onClick={() => void reconnect.run({ poolId })}
        >
          Try now
        </Button>
      }
    >
      <p>
        <strong>
          What is shown is <Lasting fromMs={connection.sinceMs} toMs={null} /> old.
        </strong>{" "}
        {connection.error.sentence}
      </p>
      <p className="sk-notice__step">
        <b>Next step:</b> {connection.error.nextStep} Every verdict is Unknown until then (
        <NextTry atMs={connection.nextTryAtMs} />
        ).
      </p>
      <Tried tried={connection.tried} />
      {reconnect.error === null ? null : <p>{reconnect.error.sentence}</p>}
    </Notice>
  );
};

const StaleNotice = ({ connection }: { readonly connection: Stale }) => {
  const run = usePoolFacts((facts) => facts.run);
  const ageMs = useNowMs() - connection.sinceMs;
  if (run !== null && isSilenceExpected(run, ageMs)) {
    return <ExpectedSilence connection={connection} hostName={run.hostName} />;
  }
  return <UnexpectedSilence connection={connection} />;
};

const PasswordForm = () => {
  const poolId = usePoolId();
  const reconnect = useCommand("pools.reconnect");
  const [password, setPassword] = useState("");
  return (
    <form
      className="sk-trouble__form"
      aria-label="Log in again"
      onSubmit={(event) => {
        event.preventDefault();
        if (password === "") return;
        void reconnect.run({ poolId, password }).then((result) => {
          if (result.ok) setPassword("");
        });
      }}
    >
      <PasswordInput
        label="Password"
        w={260}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        autoComplete="off"
        error={reconnect.error?.sentence}
      />
      <Button type="submit" loading={reconnect.isBusy} disabled={password === ""}>
        Log in
      </Button>
    </form>
  );
};

/** Below the top bar, only while the connection is not live. */
export const ConnectionTrouble = () => {
  const poolId = usePoolId();
  const connection = usePoolFacts((facts) => facts.connection);
  const status = usePoolFacts((facts) => facts.status);
  const reconnect = useCommand("pools.reconnect");
  if (status !== "ready") return null;
  switch (connection.status) {
    case "live":
    case "connecting":
    case "changed-certificate":
      return null;
    case "disconnected":
      return (
        <EmptyPicture
          title="Not connected"
          actions={
            <Button loading={reconnect.isBusy} onClick={() => void reconnect.run({ poolId })}>
              Connect
            </Button>
          }
        >
          The console knows this pool but is not connected to it.
          {reconnect.error === null ? "" : ` ${reconnect.error.sentence}`}
        </EmptyPicture>
      );
    case "stale":
      return (
        <div className="sk-trouble">
          <StaleNotice connection={connection} />
        </div>
      );
    case "failed":
      return (
        <div className="sk-trouble">
          <FailureNotice
            error={reconnect.error ?? connection.error}
            onRetry={() => void reconnect.run({ poolId })}
          />
        </div>
      );
    case "needs-password":
      return (
        <div className="sk-trouble">
          <FailureNotice error={connection.error} />
          <PasswordForm />
        </div>
      );
  }
};
