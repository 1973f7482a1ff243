/**
 * Which set field of a parent lists the children whose reference field points at it. The datamodel
 * has both fields but not that they belong together; the database keeps the set side from the
 * reference side.
 */
export interface Relation {
  readonly child: string;
  readonly field: string;
  readonly parent: string;
  readonly setField: string;
}

const rows: readonly string[] = [
  "VM.resident_on host.resident_VMs",
  "VM.appliance VM_appliance.VMs",
  "VM.protection_policy VMPP.VMs",
  "VM.snapshot_schedule VMSS.VMs",
  "VM.snapshot_of VM.snapshots",
  "VM.parent VM.children",
  "VDI.SR SR.VDIs",
  "VDI.snapshot_of VDI.snapshots",
  "VBD.VM VM.VBDs",
  "VBD.VDI VDI.VBDs",
  "VIF.VM VM.VIFs",
  "VIF.network network.VIFs",
  "PIF.host host.PIFs",
  "PIF.network network.PIFs",
  "PIF.bond_slave_of Bond.slaves",
  "Bond.master PIF.bond_master_of",
  "VLAN.tagged_PIF PIF.VLAN_slave_of",
  "tunnel.access_PIF PIF.tunnel_access_PIF_of",
  "tunnel.transport_PIF PIF.tunnel_transport_PIF_of",
  "network_sriov.physical_PIF PIF.sriov_physical_PIF_of",
  "network_sriov.logical_PIF PIF.sriov_logical_PIF_of",
  "PBD.host host.PBDs",
  "PBD.SR SR.PBDs",
  "console.VM VM.consoles",
  "crashdump.VM VM.crash_dumps",
  "crashdump.VDI VDI.crash_dumps",
  "host_cpu.host host.host_CPUs",
  "host_patch.host host.patches",
  "host_crashdump.host host.crashdumps",
  "task.subtask_of task.subtasks",
  "task.session session.tasks",
  "VGPU.VM VM.VGPUs",
  "VGPU.GPU_group GPU_group.VGPUs",
  "VGPU.resident_on PGPU.resident_VGPUs",
  "PGPU.GPU_group GPU_group.PGPUs",
  "PGPU.host host.PGPUs",
  "PCI.host host.PCIs",
  "PUSB.host host.PUSBs",
  "PUSB.USB_group USB_group.PUSBs",
  "VUSB.VM VM.VUSBs",
  "VUSB.USB_group USB_group.VUSBs",
  "VTPM.VM VM.VTPMs",
  "Feature.host host.features",
  "Certificate.host host.certificates",
  "Cluster_host.cluster Cluster.cluster_hosts",
  "PVS_server.site PVS_site.servers",
  "PVS_proxy.site PVS_site.proxies",
  "PVS_cache_storage.site PVS_site.cache_storage",
];

function parse(row: string): Relation {
  const [from = "", to = ""] = row.split(" ");
  const [child = "", field = ""] = from.split(".");
  const [parent = "", setField = ""] = to.split(".");
  return { child, field, parent, setField };
}

export const relations: readonly Relation[] = rows.map(parse);

const byChild = new Map<string, Relation[]>();
const derived = new Set<string>();
for (const relation of relations) {
  byChild.set(relation.child, [...(byChild.get(relation.child) ?? []), relation]);
  derived.add(`${relation.parent}.${relation.setField}`);
}

const none: readonly Relation[] = [];

export function relationsOf(child: string): readonly Relation[] {
  return byChild.get(child) ?? none;
}

/** Whether the field is kept by the database and not written directly. */
export function isDerived(cls: string, field: string): boolean {
  return derived.has(`${cls}.${field}`);
}
