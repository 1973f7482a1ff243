import { IconMoodEmpty, IconPlugConnectedX, type Icon } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { FailureNotice } from "./notice.tsx";

/** Nothing is there, and that is the truth. */
export const EmptyPicture = (props: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly icon?: Icon;
  readonly actions?: ReactNode;
}) => {
  const Shape = props.icon ?? IconMoodEmpty;
  return (
    <div className="sk-picture" data-picture="empty">
      <Shape size={28} stroke={1.5} aria-hidden />
      <h2>{props.title}</h2>
      {props.children === undefined ? null : <p>{props.children}</p>}
      {props.actions === undefined ? null : (
        <div className="sk-picture__actions">{props.actions}</div>
      )}
    </div>
  );
};

const boneWidths = ["62%", "88%", "74%", "91%", "55%", "80%", "68%", "84%"];

/** On its way; the shape of what will come, and a sentence for readers. */
export const LoadingPicture = (props: { readonly label: string; readonly lines?: number }) => (
  <div className="sk-bones" data-picture="loading" role="status">
    <span className="sk-hidden">{props.label}</span>
    {boneWidths.slice(0, props.lines ?? 5).map((width) => (
      <div key={width} className="sk-bone" style={{ width }} />
    ))}
    <span className="sk-faint">{props.label}</span>
  </div>
);

/** It could not be had; with the way out. */
export const FailedPicture = (props: {
  readonly error: {
    readonly code: string;
    readonly sentence: string;
    readonly nextStep: string;
    readonly detail?: string | undefined;
  };
  readonly onRetry?: (() => void) | undefined;
}) => (
  <div style={{ padding: 14 }} data-picture="failed">
    <FailureNotice error={props.error} onRetry={props.onRetry} />
  </div>
);

/** The whole window has lost its backend: nothing behind this may be believed. */
export const GonePicture = (props: {
  readonly title: string;
  readonly children: ReactNode;
  readonly actions: ReactNode;
}) => (
  <div className="sk-picture sk-picture--gone" data-picture="gone" role="alert">
    <IconPlugConnectedX size={40} stroke={1.5} aria-hidden />
    <h1>{props.title}</h1>
    {props.children}
    <div className="sk-picture__actions">{props.actions}</div>
  </div>
);
