import { Button, TextInput } from "@mantine/core";
import { IconListNumbers, IconSearch } from "@tabler/icons-react";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import type { HostSummary, Treatment } from "../../../main/contract/pool.ts";
import { useCommand, usePoolFacts, usePoolId } from "../../console/context.tsx";
import { isBelievable, sortHosts } from "../../console/shown.ts";
import { counted, formatCount } from "../../ui/format.ts";
import { EmptyPicture } from "../../ui/picture.tsx";
import { changesOf, diffRows, edit, settle, treatmentWords, type Drafts } from "./drafts.ts";
import { filterRows, noFilter, rowsOf, type VmFilter } from "./filter.ts";
import { BulkPanel, ChangesPanel, SequencePanel } from "./side-panel.tsx";
import { startSequence } from "./start-sequence.ts";
import { VmTable } from "./vm-table.tsx";
import type { Writing } from "./vm-row.tsx";
import "./vms.css";

const FilterBar = (props: {
  readonly filter: VmFilter;
  readonly onFilter: (filter: VmFilter) => void;
  readonly hosts: readonly HostSummary[];
  readonly countText: string;
  readonly isSequenceOpen: boolean;
  readonly onSequence: () => void;
}) => {
  const { filter, onFilter } = props;
  return (
    <div className="sk-vms__bar" role="search">
      <TextInput
        className="sk-vms__search"
        aria-label="Search VMs"
        placeholder="Search VM, host or vApp"
        leftSection={<IconSearch size={14} aria-hidden />}
        value={filter.text}
        onChange={(event) => onFilter({ ...filter, text: event.currentTarget.value })}
      />
      <select
        className="sk-select"
        aria-label="Host"
        value={filter.hostUuid ?? ""}
        onChange={(event) => onFilter({ ...filter, hostUuid: event.currentTarget.value || null })}
      >
        <option value="">All hosts</option>
        {props.hosts.map((host) => (
          <option key={host.uuid} value={host.uuid}>
            {host.name}
          </option>
        ))}
        <option value="nowhere">Running nowhere</option>
      </select>
      <select
        className="sk-select"
        aria-label="Treatment"
        value={filter.treatment ?? ""}
        onChange={(event) =>
          onFilter({
            ...filter,
            treatment: (event.currentTarget.value || null) as Treatment | null,
          })
        }
      >
        <option value="">All treatments</option>
        {Object.entries(treatmentWords).map(([treatment, word]) => (
          <option key={treatment} value={treatment}>
            {word}
          </option>
        ))}
      </select>
      <span className="sk-dim sk-nowrap" role="status">
        {props.countText}
      </span>
      <span className="sk-grow" />
      <Button
        variant={props.isSequenceOpen ? "light" : "default"}
        leftSection={<IconListNumbers size={14} />}
        aria-pressed={props.isSequenceOpen}
        onClick={props.onSequence}
      >
        Start sequence
      </Button>
    </div>
  );
};

const useDrafts = () => {
  const vms = usePoolFacts((facts) => facts.vms);
  const [raw, setRaw] = useState<Drafts>(new Map());
  // What the facts have reached is no longer a change, whoever made it true; forgetting it for good
  // keeps it from coming back when somebody else changes the same VM later.
  const drafts = useMemo(() => settle(raw, vms), [raw, vms]);
  useEffect(() => setRaw((before) => settle(before, vms)), [vms]);
  return { vms, drafts, setDrafts: setRaw };
};

/** What is asked for, and the rows that answer; typing never waits for 5,000 rows. */
const useVmList = () => {
  const vms = usePoolFacts((facts) => facts.vms);
  const hostMap = usePoolFacts((facts) => facts.hosts);
  const [filter, setFilter] = useState(noFilter);
  const asked = useDeferredValue(filter);
  const all = useMemo(() => rowsOf(vms, hostMap), [vms, hostMap]);
  const rows = useMemo(() => filterRows(all, asked), [all, asked]);
  const hosts = useMemo(() => sortHosts(hostMap.values()), [hostMap]);
  return { filter, setFilter, rows, hosts, allCount: all.length };
};

const NoRows = (props: { readonly isPoolEmpty: boolean; readonly onShowAll: () => void }) =>
  props.isPoolEmpty ? (
    <EmptyPicture title="No VMs in this pool">
      Templates, snapshots and control domains are not listed.
    </EmptyPicture>
  ) : (
    <EmptyPicture
      title="No VM matches"
      actions={
        <Button variant="default" onClick={props.onShowAll}>
          Show all
        </Button>
      }
    >
      Search and filters leave nothing to show.
    </EmptyPicture>
  );

interface SideProps {
  readonly edits: ReturnType<typeof useDrafts>;
  readonly selected: ReadonlySet<string>;
  readonly onClearSelection: () => void;
  readonly apply: ReturnType<typeof useCommand<"vms.setProtection">>;
  readonly isSequenceOpen: boolean;
}

/** There only while there is something to edit, to write or to look at. */
const Side = (props: SideProps) => {
  const { selected, apply } = props;
  const { vms, drafts, setDrafts } = props.edits;
  const poolId = usePoolId();
  const isLive = usePoolFacts((facts) => isBelievable(facts.connection));
  const diff = useMemo(() => diffRows(drafts, vms), [drafts, vms]);
  const chosen = [...selected].flatMap((uuid) => vms.get(uuid) ?? []);
  if (chosen.length === 0 && diff.length === 0 && !props.isSequenceOpen) return null;
  return (
    <aside className="sk-vms__side" aria-label="Edit and changes">
      {chosen.length === 0 ? null : (
        <BulkPanel
          vms={chosen}
          drafts={drafts}
          onEdit={(change) => setDrafts((before) => edit(before, vms, [...selected], change))}
          onClear={props.onClearSelection}
        />
      )}
      {diff.length === 0 ? null : (
        <ChangesPanel
          rows={diff}
          isWriting={apply.isBusy}
          canApply={isLive}
          error={apply.error}
          onApply={() => void apply.run({ poolId, changes: changesOf(drafts) })}
          onDiscard={() => {
            setDrafts(new Map());
            apply.clear();
          }}
        />
      )}
      <SequencePanel steps={startSequence(vms, drafts)} />
    </aside>
  );
};

/** All VMs: what happens to each when its host is lost, edited one by one or together. */
export const VmsPage = () => {
  const edits = useDrafts();
  const { filter, setFilter, rows, hosts, allCount } = useVmList();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [isSequenceOpen, setSequenceOpen] = useState(false);
  const apply = useCommand("vms.setProtection");
  const writing: Writing = apply.isBusy ? "writing" : apply.error === null ? "idle" : "failed";
  const countText = `${rows.length === allCount ? "" : `${formatCount(rows.length)} of `}${counted(allCount, "VM")}`;
  return (
    <div className="sk-vms">
      <section className="sk-panel sk-vms__main" aria-label="VMs">
        <FilterBar
          filter={filter}
          onFilter={setFilter}
          hosts={hosts}
          countText={countText}
          isSequenceOpen={isSequenceOpen}
          onSequence={() => setSequenceOpen(!isSequenceOpen)}
        />
        {rows.length === 0 ? (
          <NoRows isPoolEmpty={allCount === 0} onShowAll={() => setFilter(noFilter)} />
        ) : (
          <VmTable
            rows={rows}
            drafts={edits.drafts}
            selected={selected}
            writing={writing}
            onEdit={(uuid, change) =>
              edits.setDrafts((before) => edit(before, edits.vms, [uuid], change))
            }
            onSelect={setSelected}
          />
        )}
      </section>
      <Side
        edits={edits}
        selected={selected}
        onClearSelection={() => setSelected(new Set())}
        apply={apply}
        isSequenceOpen={isSequenceOpen}
      />
    </div>
  );
};
