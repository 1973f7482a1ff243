import { MantineProvider } from "@mantine/core";
import type { ReactNode } from "react";
import { cssVariables, theme } from "../ui/theme.ts";

/** The bundler puts the nonce of the content security policy into a meta element. */
const styleNonce = (): string => {
  const meta = document.querySelector<HTMLElement>('meta[property="csp-nonce"]');
  return meta?.nonce ?? "";
};

/** Colours, sizes and scheme for everything below. */
export const Look = (props: { readonly children: ReactNode }) => (
  <MantineProvider
    theme={theme}
    cssVariablesResolver={cssVariables}
    defaultColorScheme="auto"
    getStyleNonce={styleNonce}
  >
    {props.children}
  </MantineProvider>
);
