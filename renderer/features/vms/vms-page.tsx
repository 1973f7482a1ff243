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
          onFilter({ ...filter, treatment: (event.currentTarget.value || null) as Treatment | null })
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

/** All VMs: what happens to each when its host is lost, edited one by one or together. */
export const VmsPage = () => {
  const poolId = usePoolId();
  const hostMap = usePoolFacts((facts) => facts.hosts);
  const isLive = usePoolFacts((facts) => isBelievable(facts.connection));
  const { vms, drafts, setDrafts } = useDrafts();
  const [filter, setFilter] = useState(noFilter);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [isSequenceOpen, setSequenceOpen] = useState(false);
  const apply = useCommand("vms.setProtection");

  const asked = useDeferredValue(filter);
  const all = useMemo(() => rowsOf(vms, hostMap), [vms, hostMap]);
  const rows = useMemo(() => filterRows(all, asked), [all, asked]);
  const hosts = useMemo(() => sortHosts(hostMap.values()), [hostMap]);
  const diff = useMemo(() => diffRows(drafts, vms), [drafts, vms]);
  const chosen = [...selected].flatMap((uuid) => vms.get(uuid) ?? []);
  const isSideOpen = chosen.length > 0 || diff.length > 0 || isSequenceOpen;
  const writing: Writing = apply.isBusy ? "writing" : apply.error === null ? "idle" : "failed";

  return (
    <div className="sk-vms">
      <section className="sk-panel sk-vms__main" aria-label="VMs">
        <FilterBar
          filter={filter}
          onFilter={setFilter}
          hosts={hosts}
          countText={
            rows.length === all.length
              ? counted(all.length, "VM")
              : `${formatCount(rows.length)} of ${counted(all.length, "VM")}`
          }
          isSequenceOpen={isSequenceOpen}
          onSequence={() => setSequenceOpen(!isSequenceOpen)}
        />
        {rows.length === 0 ? (
          <EmptyPicture
            title={all.length === 0 ? "No VMs in this pool" : "No VM matches"}
            actions={
              all.length === 0 ? undefined : (
                <Button variant="default" onClick={() => setFilter(noFilter)}>
                  Show all
                </Button>
              )
            }
          >
            {all.length === 0
              ? "Templates, snapshots and control domains are not listed."
              : "Search and filters leave nothing to show."}
          </EmptyPicture>
        ) : (
          <VmTable
            rows={rows}
            drafts={drafts}
            selected={selected}
            writing={writing}
            onEdit={(uuid, change) => setDrafts((before) => edit(before, vms, [uuid], change))}
            onSelect={setSelected}
          />
        )}
      </section>
      {!isSideOpen ? null : (
        <aside className="sk-vms__side" aria-label="Edit and changes">
          {chosen.length === 0 ? null : (
            <BulkPanel
              vms={chosen}
              drafts={drafts}
              onEdit={(change) => setDrafts((before) => edit(before, vms, [...selected], change))}
              onClear={() => setSelected(new Set())}
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
      )}
    </div>
  );
};
