import { ActionIcon, Button, TextInput, Tooltip } from "@mantine/core";
import {
  IconArrowAutofitWidth,
  IconChevronLeft,
  IconChevronRight,
  IconMinus,
  IconPlus,
  IconSearch,
  type Icon,
} from "@tabler/icons-react";
import type { ReactNode } from "react";
import { formatCount } from "../../ui/format.ts";

const Tool = (props: {
  readonly label: string;
  readonly icon: Icon;
  readonly onClick: () => void;
}) => {
  const Shape = props.icon;
  return (
    <Tooltip label={props.label}>
      <ActionIcon variant="default" size={28} aria-label={props.label} onClick={props.onClick}>
        <Shape size={15} />
      </ActionIcon>
    </Tooltip>
  );
};

const searchId = "timeline-search";

export const focusSearch = (): void => document.getElementById(searchId)?.focus();

export interface ToolbarProps {
  readonly search: string;
  readonly foundCount: number;
  readonly totalCount: number;
  readonly isLive: boolean;
  readonly onSearch: (text: string) => void;
  readonly onZoom: (factor: number) => void;
  readonly onFit: () => void;
  readonly onMark: (step: 1 | -1) => void;
  readonly onLive: () => void;
  /** saves what the timeline holds */
  readonly exports: ReactNode;
}

export const Toolbar = (props: ToolbarProps) => (
  <div className="sk-time__tools" role="toolbar" aria-label="Timeline">
    <TextInput
      id={searchId}
      className="sk-time__search"
      aria-label="Search the timeline"
      placeholder="Search sentences, rules, inputs"
      leftSection={<IconSearch size={14} />}
      value={props.search}
      onChange={(event) => props.onSearch(event.currentTarget.value)}
      spellCheck={false}
    />
    <span className="sk-dim sk-nowrap" role="status">
      {props.search.trim() === ""
        ? `${formatCount(props.totalCount)} entries`
        : `${formatCount(props.foundCount)} of ${formatCount(props.totalCount)}`}
    </span>
    <span className="sk-grow" />
    <Tool label="Previous mark  [" icon={IconChevronLeft} onClick={() => props.onMark(-1)} />
    <Tool label="Next mark  ]" icon={IconChevronRight} onClick={() => props.onMark(1)} />
    <Tool label="Zoom out  S" icon={IconMinus} onClick={() => props.onZoom(1.6)} />
    <Tool label="Zoom in  W" icon={IconPlus} onClick={() => props.onZoom(1 / 1.6)} />
    <Tool label="Show everything  F" icon={IconArrowAutofitWidth} onClick={props.onFit} />
    <Button
      size="compact-sm"
      variant={props.isLive ? "light" : "default"}
      aria-pressed={props.isLive}
      onClick={props.onLive}
    >
      {props.isLive ? "Following now" : "Follow now"}
    </Button>
    {props.exports}
  </div>
);
