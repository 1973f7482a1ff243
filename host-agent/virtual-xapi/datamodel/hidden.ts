/**
 * What the published datamodel leaves out: calls hidden from its documentation, calls without an
 * `Async.` form, and since which release an optional trailing parameter is accepted. Hand-written.
 */
const root = "root-only";

/** Same columns as the generated message rows, with the role set spelled out in the fourth. */
export const hiddenMessageRows: Readonly<Record<string, readonly string[]>> = {
  session: [
    "slave_login|session ref|host:host ref,psecret:string|pool-admin|rio||n",
    "slave_local_login|session ref|psecret:string|pool-admin|miami||n",
  ],
  pool: [
    "hello|enum hello_return|host_uuid:string,host_address:string|pool-admin pool-operator|rio||",
    "is_slave|bool|host:host ref|pool-admin|rio||",
    `ha_schedule_plan_recomputation|void||${root}|orlando||`,
  ],
  host: [
    "is_in_emergency_mode|bool||pool-admin pool-operator vm-power-admin vm-admin vm-operator read-only|miami||",
    `tickle_heartbeat|(string -> string) map|host:host ref,stuff:(string -> string) map|${root}|orlando||`,
    `propose_new_master|void|address:string,manual:bool|${root}|miami||`,
    `commit_new_master|void|address:string|${root}|miami||`,
    `abort_new_master|void|address:string|${root}|miami||`,
    `local_assert_healthy|void||${root}|miami||`,
    `prepare_for_poweroff|void|host:host ref|${root}|kolkata||a`,
    `request_backup|void|host:host ref,generation:int,force:bool|${root}|rio||`,
    `signal_networking_change|void||${root}|miami||`,
    "ha_xapi_healthcheck|bool||pool-admin|orlando||",
    `ha_disable_failover_decisions|void|host:host ref|${root}|orlando||a`,
    `ha_disarm_fencing|void|host:host ref|${root}|orlando||a`,
    `ha_stop_daemon|void|host:host ref|${root}|orlando||a`,
    `ha_release_resources|void|host:host ref|${root}|orlando||a`,
    `ha_wait_for_shutdown_via_statefile|void|host:host ref|${root}|orlando||a`,
    `ha_join_liveset|void|host:host ref|${root}|orlando||a`,
    `preconfigure_ha|void|host:host ref,statefiles:VDI ref set,metadata_vdi:VDI ref,generation:string|${root}|orlando||a`,
    `set_localdb_key|void|host:host ref,key:string,value:string|${root}|midnight-ride||a`,
  ],
  VM: [
    `atomic_set_resident_on|void|vm:VM ref,host:host ref|${root}|rio||a`,
    "pool_migrate_complete|void|vm:VM ref,host:host ref|pool-admin pool-operator vm-power-admin client-cert|tampa||a",
  ],
};

export const hiddenEnums: Readonly<Record<string, readonly string[]>> = {
  hello_return: ["ok", "unknown_host", "cannot_talk_back"],
};

/** Published calls that have no `Async.` form. */
export const syncOnly: ReadonlySet<string> = new Set([
  "pool.emergency_reset_master",
  "pool.emergency_transition_to_master",
  "pool.ha_prevent_restarts_for",
  "pool.ha_failover_plan_exists",
  "pool.ha_compute_max_host_failures_to_tolerate",
  "pool.ha_compute_hypothetical_max_host_failures_to_tolerate",
  "pool.ha_compute_vm_failover_plan",
  "pool.enable_external_auth",
  "pool.disable_external_auth",
  "pool.detect_nonhomogeneous_external_auth",
  "pool.enable_tls_verification",
  "pool.test_archive_target",
  "host.local_management_reconfigure",
  "host.management_disable",
  "host.get_system_status_capabilities",
  "host.set_hostname_live",
  "host.sync_data",
  "host.backup_rrds",
  "host.get_servertime",
  "host.get_server_localtime",
  "host.emergency_ha_disable",
  "host.emergency_reset_server_certificate",
  "host.emergency_disable_tls_verification",
  "host.emergency_reenable_tls_verification",
  "host.emergency_clear_mandatory_guidance",
  "host.enable_external_auth",
  "host.disable_external_auth",
  "host.apply_edition",
  "host.set_cpu_features",
  "host.reset_cpu_features",
  "host.enable_local_storage_caching",
  "host.disable_local_storage_caching",
  "host.shutdown_agent",
  "VM.get_allowed_VBD_devices",
  "VM.get_allowed_VIF_devices",
  "VM.set_memory_dynamic_max",
  "VM.set_memory_dynamic_min",
  "VM.set_memory_static_max",
  "VM.set_memory_static_min",
  "VM.set_VCPUs_max",
  "VM.set_VCPUs_at_startup",
  "VM.set_HVM_shadow_multiplier",
  "VM.set_NVRAM",
  "VM.add_to_NVRAM",
  "VM.remove_from_NVRAM",
  "VM.set_domain_type",
  "VM.set_HVM_boot_policy",
]);

/**
 * Since when an optional parameter is accepted, and its value when left out (default: emptiest).
 */
export const optionalParams: Readonly<
  Record<string, { readonly since: string; readonly fallback?: string | number | boolean }>
> = {
  "session.login_with_password.version": { since: "rio", fallback: "1.1" },
  "session.login_with_password.originator": { since: "clearwater" },
  "host.evacuate.network": { since: "1.297.0" },
  "host.evacuate.evacuate_batch_size": { since: "23.27.0" },
  "host.emergency_ha_disable.soft": { since: "ely", fallback: false },
  "host.disable.auto_enable": { since: "25.31.0", fallback: true },
  "VM.migrate_send.vgpu_map": { since: "dundee" },
  "VM.assert_can_migrate.vgpu_map": { since: "dundee" },
  "VM.migrate_send.vdi_format_map": { since: "24.28.0" },
  "VM.snapshot.ignore_vdis": { since: "21.4.0" },
  "pool.uninstall_ca_certificate.force": { since: "24.35.0" },
  "tunnel.create.protocol": { since: "1.250.0" },
};
