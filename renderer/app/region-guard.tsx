import { Component, type ReactNode } from "react";
import { FailedPicture } from "../ui/picture.tsx";

interface Props {
  readonly name: string;
  readonly children: ReactNode;
}

/** A mistake of the window in one region leaves the others standing, and says so. */
export class RegionGuard extends Component<Props, { readonly message: string | null }> {
  override state = { message: null };

  static getDerivedStateFromError(error: unknown): { message: string } {
    return { message: error instanceof Error ? error.message : String(error) };
  }

  override render(): ReactNode {
    if (this.state.message === null) return this.props.children;
    return (
      <FailedPicture
        error={{
          code: "WINDOW_FAULT",
          sentence: `${this.props.name} cannot be shown because of a fault in this window.`,
          nextStep: "Try again, or reload the window. Runs go on in the console either way.",
          detail: this.state.message,
        }}
        onRetry={() => this.setState({ message: null })}
      />
    );
  }
}
