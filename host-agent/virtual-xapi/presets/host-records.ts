import type { XapiGeneration } from "../generation.ts";
import { NULL_REF, type XapiRecord } from "../value.ts";
import { formatDatetime } from "../wire/coerce.ts";
import type { PresetPlace } from "./preset.ts";
import { gibibyte, mebibyte, type TableBuilder } from "./table-builder.ts";

/** Networks of a pool by what they are for. */
export interface PoolNetworks {
  readonly management: string;
  readonly production: string;
  readonly storage: string;
  readonly office: string;
  readonly nics: readonly string[];
}

export interface HostPlan {
  readonly name: string;
  readonly description: string;
  readonly memoryGib: number;
  readonly cpuCount: number;
  readonly model: string;
}

export interface BuiltHost {
  readonly ref: string;
  readonly uuid: string;
  readonly controlDomain: string;
  readonly plan: HostPlan;
  readonly place: PresetPlace;
  readonly memoryBytes: number;
  readonly dom0MemoryBytes: number;
  readonly bootedAtMs: number;
}

const dom0Gib = 4;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** PCI vendor and device of the network cards. */
const nicVendor = { id: "8086", name: "Intel Corporation" };
const nicDevice = { id: "1593", name: "Ethernet Controller E810-C for SFP" };

export function addNetworks(build: TableBuilder): PoolNetworks {
  const network = (name: string, bridge: string, extra: XapiRecord = {}): string =>
    build.add("network", { name_label: name, bridge, MTU: 1500, managed: true, ...extra });
  network("Host internal management network", "xenapi", {
    name_description: "Private link-local network between guests and their host",
    other_config: {
      is_guest_installer_network: "true",
      is_host_internal_management_network: "true",
      ip_begin: "169.254.0.1",
      ip_end: "169.254.255.254",
      netmask: "255.255.0.0",
    },
  });
  return {
    nics: [network("Netzwerkkarte 0", "xenbr0"), network("Netzwerkkarte 1", "xenbr1")],
    management: network("Verwaltung (Bond 0+1)", "xapi0"),
    production: network("Produktion", "xenbr2"),
    storage: network("Speichernetz", "xenbr3", { MTU: 9000, purpose: [] }),
    office: network("Büro – VLAN 20", "xapi1"),
  };
}

/** A host with its control domain, processors, network ports and TLS certificate. */
export function addHost(
  build: TableBuilder,
  plan: HostPlan,
  place: PresetPlace,
  site: { readonly networks: PoolNetworks; readonly nowMs: number; readonly index: number },
): BuiltHost {
  const memoryBytes = plan.memoryGib * gibibyte;
  const dom0MemoryBytes = dom0Gib * gibibyte;
  // Hosts were last booted on different nights, some weeks ago.
  const bootedAtMs = site.nowMs - (11 + site.index * 2) * dayMs - site.index * hourMs;
  const metrics = build.add("host_metrics", {
    memory_total: memoryBytes,
    memory_free: 0,
    live: true,
    last_updated: formatDatetime(site.nowMs - 60_000),
  });
  const ref = build.add("host", {
    ...hostIdentity(build.generation, plan, place),
    metrics,
    enabled: true,
    allowed_operations: ["provision", "evacuate", "vm_start", "vm_resume", "vm_migrate"],
    memory_overhead: Math.round(memoryBytes * 0.012),
    cpu_info: cpuInfo(plan),
    bios_strings: biosStrings(build, plan),
    iscsi_iqn: `iqn.2024-03.example.oberland:${plan.name}`,
    other_config: {
      agent_start_time: `${Math.floor(bootedAtMs / 1000) + 71}.`,
      boot_time: `${Math.floor(bootedAtMs / 1000)}.`,
      iscsi_iqn: `iqn.2024-03.example.oberland:${plan.name}`,
    },
    last_software_update: formatDatetime(bootedAtMs - hourMs),
  });
  const controlDomain = addControlDomain(build, { ref, plan, bootedAtMs, dom0MemoryBytes });
  build.change("host", ref, { control_domain: controlDomain });
  addProcessors(build, ref, plan);
  addPorts(build, { host: ref, place, networks: site.networks, index: site.index, site });
  addCertificate(build, ref, place, site.nowMs);
  const uuid = build.uuidOf("host", ref);
  return { ref, uuid, controlDomain, plan, place, memoryBytes, dom0MemoryBytes, bootedAtMs };
}

function hostIdentity(generation: XapiGeneration, plan: HostPlan, place: PresetPlace): XapiRecord {
  const isNew = generation.xapiBuildKey;
  return {
    name_label: plan.name,
    name_description: plan.description,
    hostname: plan.name,
    address: place.address,
    API_version_major: 2,
    API_version_minor: isNew ? 21 : 16,
    API_version_vendor: "XenSource",
    software_version: softwareVersion(generation),
    capabilities: ["xen-3.0-x86_64", "hvm-3.0-x86_32", "hvm-3.0-x86_32p", "hvm-3.0-x86_64", ""],
    sched_policy: "credit",
    supported_bootloaders: ["pygrub", "eliloader"],
    license_params: licenseParams(),
    edition: "xcp-ng",
    editions: ["xcp-ng"],
    license_server: { address: "localhost", port: "27000" },
    chipset_info: { iommu: "true" },
    virtual_hardware_platform_versions: [0, 1, 2],
    display: "enabled",
    ssl_legacy: false,
    tls_verification_enabled: isNew,
    https_only: isNew,
    ssh_enabled: true,
    multipathing: false,
    latest_synced_updates_applied: "yes",
    timezone: "Europe/Berlin",
  };
}

function softwareVersion(generation: XapiGeneration): XapiRecord {
  const common = {
    product_brand: generation.productBrand,
    product_version: generation.productVersion,
    platform_name: "XCP",
    hostname: "localhost",
    dbv: "0.0.1",
    linux: "4.19.0+1",
    xencenter_min: "2.21",
    xencenter_max: "2.21",
    network_backend: "openvswitch",
  };
  if (!generation.xapiBuildKey) {
    return {
      ...common,
      product_version_text: "8.2",
      product_version_text_short: "8.2",
      platform_version: "3.2.1",
      build_number: "release/yangtze/master/58",
      date: "2024-10-18",
      xapi: generation.version.split(".").slice(0, 2).join("."),
      xen: "4.13.5-9.44",
      db_schema: "5.603",
    };
  }
  return {
    ...common,
    product_version_text: "8.3",
    product_version_text_short: "8.3",
    platform_version: "3.4.0",
    build_number: "cloud",
    date: "20260506T08:14:21Z",
    xapi: generation.version.split(".").slice(0, 2).join("."),
    xapi_build: generation.version,
    xen: "4.17.6-2",
    db_schema: "5.793",
  };
}

/** Free features are on and nothing is restricted; native HA is gated by the positive key. */
function licenseParams(): XapiRecord {
  const restrictions = [
    "restrict_wlb",
    "restrict_vmpr",
    "restrict_storage_xen_motion",
    "restrict_pool_size",
    "restrict_rbac",
    "restrict_vswitch_controller",
    "restrict_hotfix_apply",
    "restrict_set_vcpus_number_live",
  ];
  return {
    ...Object.fromEntries(restrictions.map((key) => [key, "false"])),
    enable_xha: "true",
    license_type: "",
    sku_type: "xcp-ng",
    version: "",
    expiry: "never",
  };
}

function cpuInfo(plan: HostPlan): XapiRecord {
  const features = "1fcbfbff-f7fa3223-2c100800-00000121-0000000f-009c6fbf-00000000-00000000";
  return {
    cpu_count: String(plan.cpuCount),
    socket_count: "2",
    threads_per_core: "2",
    nr_nodes: "2",
    vendor: "GenuineIntel",
    speed: "2394.407",
    modelname: "Intel(R) Xeon(R) Silver 4314 CPU @ 2.40GHz",
    family: "6",
    model: "106",
    stepping: "6",
    flags: cpuFlags,
    features,
    features_hvm: features,
    features_pv: features,
    features_hvm_host: features,
    features_pv_host: features,
  };
}

const cpuFlags =
  "fpu de tsc msr pae mce cx8 apic sep mca cmov pat clflush acpi mmx fxsr sse sse2 ht syscall nx lm";

function biosStrings(build: TableBuilder, plan: HostPlan): XapiRecord {
  const [manufacturer, ...product] = plan.model.split(" ");
  return {
    "bios-vendor": manufacturer ?? "",
    "bios-version": "1.14.1",
    "system-manufacturer": `${manufacturer ?? ""} Inc.`,
    "system-product-name": product.join(" "),
    "system-version": "",
    "system-serial-number": build.dice.uuid().slice(0, 7).toUpperCase(),
    "hp-rombios": "",
  };
}

function addControlDomain(
  build: TableBuilder,
  dom0: {
    readonly ref: string;
    readonly plan: HostPlan;
    readonly bootedAtMs: number;
    readonly dom0MemoryBytes: number;
  },
): string {
  const memory = dom0.dom0MemoryBytes;
  const vcpus = Math.min(16, dom0.plan.cpuCount);
  const metrics = build.add("VM_metrics", {
    memory_actual: memory,
    VCPUs_number: vcpus,
    state: [],
    start_time: formatDatetime(dom0.bootedAtMs),
    last_updated: formatDatetime(dom0.bootedAtMs),
    current_domain_type: "pv",
  });
  const vm = build.add("VM", {
    name_label: `Control domain on host: ${dom0.plan.name}`,
    name_description: "Manages the devices of this host and its guests",
    power_state: "Running",
    is_control_domain: true,
    resident_on: dom0.ref,
    affinity: dom0.ref,
    domid: 0,
    domain_type: "pv",
    domarch: "x86_64",
    memory_static_max: memory,
    memory_static_min: memory,
    memory_dynamic_max: memory,
    memory_dynamic_min: memory,
    memory_target: memory,
    memory_overhead: 8 * mebibyte,
    VCPUs_max: vcpus,
    VCPUs_at_startup: vcpus,
    metrics,
    allowed_operations: [
      "changing_dynamic_range",
      "migrate_send",
      "pool_migrate",
      "changing_VCPUs_live",
    ],
    other_config: { storage_driver_domain: dom0.ref, is_system_domain: "true" },
  });
  for (const protocol of ["rfb", "vt100"]) {
    build.add("console", { VM: vm, protocol, location: "" });
  }
  return vm;
}

function addProcessors(build: TableBuilder, host: string, plan: HostPlan): void {
  for (let number = 0; number < plan.cpuCount; number += 1) {
    build.add("host_cpu", {
      host,
      number,
      vendor: "GenuineIntel",
      speed: 2394,
      modelname: "Intel(R) Xeon(R) Silver 4314 CPU @ 2.40GHz",
      family: 6,
      model: 106,
      stepping: "6",
      flags: cpuFlags,
      features: "",
      utilisation: 0,
    });
  }
}

interface PortSite {
  readonly host: string;
  readonly place: PresetPlace;
  readonly networks: PoolNetworks;
  readonly index: number;
  readonly site: { readonly nowMs: number };
}

/** Two cards bonded for management, one for guests with a VLAN on it, one for storage. */
function addPorts(build: TableBuilder, at: PortSite): void {
  const { host, networks, place } = at;
  const cards = [0, 1].map((number) =>
    addPort(build, at, { device: `eth${number}`, network: networks.nics[number] ?? NULL_REF }),
  );
  const bondPif = build.add("PIF", {
    host,
    network: networks.management,
    device: "bond0",
    MAC: macOf(at.index, 0),
    MTU: 1500,
    VLAN: -1,
    physical: false,
    currently_attached: true,
    metrics: addPortMetrics(build, at, { carrier: true, isCard: false }),
    ip_configuration_mode: "Static",
    IP: place.address,
    netmask: "255.255.255.0",
    gateway: `${place.address.split(".").slice(0, 3).join(".")}.254`,
    DNS: "10.20.0.10,10.20.0.11",
    management: true,
    primary_address_type: "IPv4",
    managed: true,
  });
  const bond = build.add("Bond", {
    master: bondPif,
    primary_slave: cards[0] ?? NULL_REF,
    mode: "active-backup",
    links_up: 2,
    auto_update_mac: true,
  });
  for (const card of cards) build.change("PIF", card, { bond_slave_of: bond });
  const production = addPort(build, at, { device: "eth2", network: networks.production });
  addPort(build, at, {
    device: "eth3",
    network: networks.storage,
    ip: place.storageAddress ?? `10.88.${Math.floor(at.index / 200)}.${(at.index % 200) + 11}`,
  });
  const tagged = build.add("PIF", {
    host,
    network: networks.office,
    device: "eth2",
    MAC: macOf(at.index, 2),
    MTU: 1500,
    VLAN: 20,
    physical: false,
    currently_attached: true,
    metrics: addPortMetrics(build, at, { carrier: true, isCard: false }),
    managed: true,
  });
  const vlan = build.add("VLAN", { tagged_PIF: production, untagged_PIF: tagged, tag: 20 });
  build.change("PIF", tagged, { VLAN_master_of: vlan });
}

function addPort(
  build: TableBuilder,
  at: PortSite,
  port: { readonly device: string; readonly network: string; readonly ip?: string },
): string {
  const number = Number(port.device.slice("eth".length));
  const ip = port.ip;
  return build.add("PIF", {
    host: at.host,
    network: port.network,
    device: port.device,
    MAC: macOf(at.index, number),
    MTU: number === 3 ? 9000 : 1500,
    VLAN: -1,
    physical: true,
    currently_attached: true,
    metrics: addPortMetrics(build, at, { carrier: true, isCard: true }),
    ip_configuration_mode: ip === undefined ? "None" : "Static",
    IP: ip ?? "",
    netmask: ip === undefined ? "" : "255.255.0.0",
    disallow_unplug: ip !== undefined,
    managed: true,
    other_config: ip === undefined ? {} : { management_purpose: "Storage" },
  });
}

function addPortMetrics(
  build: TableBuilder,
  at: PortSite,
  port: { readonly carrier: boolean; readonly isCard: boolean },
): string {
  return build.add("PIF_metrics", {
    carrier: port.carrier,
    vendor_id: port.isCard ? nicVendor.id : "",
    vendor_name: port.isCard ? nicVendor.name : "",
    device_id: port.isCard ? nicDevice.id : "",
    device_name: port.isCard ? nicDevice.name : "",
    speed: port.isCard ? 10_000 : 0,
    duplex: port.isCard,
    pci_bus_path: port.isCard ? "0000:3b:00.0" : "N/A",
    last_updated: formatDatetime(at.site.nowMs - 30_000),
  });
}

function macOf(hostIndex: number, port: number): string {
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  return `b4:96:91:5a:${hex(hostIndex)}:${hex(0x10 + port)}`;
}

function addCertificate(
  build: TableBuilder,
  host: string,
  place: PresetPlace,
  nowMs: number,
): void {
  if (place.certificateFingerprint === undefined) return;
  build.add("Certificate", {
    type: "host",
    host,
    not_before: formatDatetime(nowMs - dayMs),
    not_after: formatDatetime(nowMs + 3650 * dayMs),
    fingerprint: place.certificateFingerprint,
    fingerprint_sha256: place.certificateFingerprint,
  });
}
