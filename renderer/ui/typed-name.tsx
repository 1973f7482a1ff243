import { TextInput } from "@mantine/core";

/** The last guard before something that hurts: the person types the name of what it hits. */
export const TypedName = (props: {
  readonly name: string;
  readonly what: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) => (
  <TextInput
    label={
      <>
        Type <strong className="sk-mono">{props.name}</strong> {props.what}
      </>
    }
    value={props.value}
    onChange={(event) => props.onChange(event.currentTarget.value)}
    autoComplete="off"
    spellCheck={false}
    data-1p-ignore
  />
);
