import {
  Button,
  Checkbox,
  createTheme,
  Drawer,
  Modal,
  NumberInput,
  PasswordInput,
  Select,
  TextInput,
  Tooltip,
  type CSSVariablesResolver,
} from "@mantine/core";

/** One accent; every other colour is neutral or a status from tokens.css. */
export const theme = createTheme({
  primaryColor: "skink",
  primaryShade: { light: 7, dark: 6 },
  colors: {
    skink: [
      "#eef3fe",
      "#dbe5fc",
      "#b6c9f8",
      "#8fadf8",
      "#7297f4",
      "#5b84f0",
      "#4470e2",
      "#2f56c6",
      "#2548ab",
      "#1b3786",
    ],
  },
  fontFamily: "var(--sk-font)",
  fontFamilyMonospace: "var(--sk-mono)",
  fontSizes: { xs: "12px", sm: "13px", md: "13px", lg: "15px", xl: "17px" },
  defaultRadius: "sm",
  radius: { xs: "3px", sm: "5px", md: "8px" },
  cursorType: "pointer",
  focusRing: "auto",
  components: {
    Button: Button.extend({ defaultProps: { size: "xs" } }),
    TextInput: TextInput.extend({ defaultProps: { size: "xs" } }),
    PasswordInput: PasswordInput.extend({ defaultProps: { size: "xs" } }),
    NumberInput: NumberInput.extend({ defaultProps: { size: "xs" } }),
    Select: Select.extend({ defaultProps: { size: "xs" } }),
    Checkbox: Checkbox.extend({ defaultProps: { size: "xs" } }),
    Modal: Modal.extend({
      defaultProps: { radius: "md", overlayProps: { opacity: 0.5 }, lockScroll: false },
    }),
    Drawer: Drawer.extend({ defaultProps: { overlayProps: { opacity: 0.4 } } }),
    Tooltip: Tooltip.extend({
      defaultProps: {
        events: { hover: true, focus: true, touch: true },
        openDelay: 250,
        multiline: true,
        maw: 340,
        withinPortal: true,
      },
    }),
  },
});

const shared = {
  "--mantine-color-body": "var(--sk-bg)",
  "--mantine-color-text": "var(--sk-text)",
  "--mantine-color-dimmed": "var(--sk-dim)",
  "--mantine-color-default": "var(--sk-panel)",
  "--mantine-color-default-hover": "var(--sk-hover)",
  "--mantine-color-default-color": "var(--sk-text)",
  "--mantine-color-default-border": "var(--sk-line-strong)",
  "--mantine-color-placeholder": "var(--sk-faint)",
  "--mantine-color-error": "var(--sk-bad-text)",
  "--mantine-line-height": "1.45",
};

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: shared,
  dark: shared,
});
