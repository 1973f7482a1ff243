import { Button } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconCopy } from "@tabler/icons-react";

/** Pairs in rows of eight, big enough to read out on the phone; differences beyond colour. */
export const Fingerprint = (props: {
  readonly value: string;
  readonly label: string;
  readonly comparedWith?: string;
}) => {
  const other = props.comparedWith?.split(":");
  return (
    <div className="sk-print" role="group" aria-label={`${props.label}: ${props.value}`}>
      {props.value.split(":").map((pair, index) => (
        // Pairs repeat; their place is what names them.
        <span key={index} data-differs={other !== undefined && other[index] !== pair} aria-hidden>
          {pair}
        </span>
      ))}
    </div>
  );
};

/** A command to run on the host, with one button that copies it. */
export const CommandLine = (props: { readonly text: string }) => {
  const clipboard = useClipboard({ timeout: 1500 });
  return (
    <div className="sk-command">
      <code>{props.text}</code>
      <Button
        size="compact-xs"
        variant="subtle"
        color="gray"
        leftSection={clipboard.copied ? <IconCheck size={13} /> : <IconCopy size={13} />}
        onClick={() => clipboard.copy(props.text)}
      >
        {clipboard.copied ? "Copied" : "Copy"}
      </Button>
    </div>
  );
};
