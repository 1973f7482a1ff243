/**
 * The coverage list: calls of the datamodel that no node answers. Asked for one, a node says
 * `MESSAGE_METHOD_UNKNOWN`, as XAPI does for a call it has never heard of. Everything else of the
 * datamodel is answered. A new call leaves this list; a test compares it with what nodes say.
 */
const rows: Readonly<Record<string, string>> = {
  session:
    "change_password create_from_db_file get_all_subject_identifiers " +
    "logout_subject_identifier",
  auth: "get_group_membership get_subject_identifier get_subject_information_from_identifier",
  subject: "add_to_roles create destroy get_permissions_name_label remove_from_roles",
  role:
    "get_by_permission get_by_permission_name_label get_permissions " +
    "get_permissions_name_label",
  pool:
    "add_repository add_to_guest_agent_config apply_edition certificate_install " +
    "certificate_list certificate_sync certificate_uninstall check_update_readiness " +
    "configure_repository_proxy configure_update_sync create_VLAN create_VLAN_from_PIF " +
    "create_new_blob crl_install crl_list crl_uninstall deconfigure_wlb " +
    "detect_nonhomogeneous_external_auth disable_client_certificate_auth " +
    "disable_external_auth disable_local_storage_caching disable_redo_log " +
    "disable_repository_proxy disable_ssh disable_ssl_legacy eject " +
    "enable_client_certificate_auth enable_external_auth enable_local_storage_caching " +
    "enable_redo_log enable_ssh enable_tls_verification get_guest_secureboot_readiness " +
    "get_license_state ha_schedule_plan_recomputation has_extension initialize_wlb " +
    "install_ca_certificate join join_force management_reconfigure " +
    "remove_from_guest_agent_config remove_repository reset_telemetry_uuid " +
    "retrieve_wlb_configuration retrieve_wlb_recommendations rotate_secret send_test_post " +
    "send_wlb_configuration set_console_idle_timeout set_custom_uefi_certificates " +
    "set_ext_auth_cache_enabled set_ext_auth_cache_expiry set_ext_auth_cache_size " +
    "set_ext_auth_max_threads set_https_only set_igmp_snooping_enabled " +
    "set_local_auth_max_threads set_repositories set_ssh_auto_mode set_ssh_enabled_timeout " +
    "set_telemetry_next_collection set_uefi_certificates set_update_sync_enabled " +
    "set_vswitch_controller sync_updates test_archive_target uninstall_ca_certificate",
  pool_patch: "apply clean clean_on_host destroy pool_apply pool_clean precheck",
  pool_update: "apply destroy introduce pool_apply pool_clean precheck",
  VM:
    "add_to_NVRAM add_to_VCPUs_params_live assert_can_be_recovered assert_can_migrate " +
    "assert_operation_valid call_host_plugin call_plugin checkpoint clone copy " +
    "copy_bios_strings create create_new_blob destroy forget_data_source_archives " +
    "get_SRs_required_for_recovery get_allowed_VBD_devices get_allowed_VIF_devices " +
    "get_boot_record get_cooperative get_data_sources get_secureboot_readiness import " +
    "import_convert maximise_memory migrate_send pool_migrate_complete provision " +
    "query_data_source query_services record_data_source recover remove_from_NVRAM " +
    "restart_device_models retrieve_wlb_recommendations revert send_sysrq send_trigger " +
    "set_HVM_boot_policy set_HVM_shadow_multiplier set_NVRAM set_VCPUs_at_startup " +
    "set_VCPUs_max set_VCPUs_number_live set_bios_strings set_domain_type set_groups " +
    "set_ha_always_run set_has_vendor_device set_memory_dynamic_max set_memory_dynamic_min " +
    "set_memory_dynamic_range set_memory_limits set_memory_static_max set_memory_static_min " +
    "set_memory_static_range set_memory_target_live set_shadow_multiplier_live " +
    "set_snapshot_schedule set_suspend_VDI set_uefi_mode snapshot sysprep " +
    "wait_memory_target_live",
  VMSS:
    "add_to_schedule create destroy remove_from_schedule set_frequency set_last_run_time " +
    "set_retained_snapshots set_schedule set_type snapshot_now",
  VM_appliance: "assert_can_be_recovered get_SRs_required_for_recovery recover",
  DR_task: "create destroy",
  host:
    "apply_edition apply_updates backup_rrds bugreport_upload call_extension " +
    "create_new_blob disable_display disable_external_auth disable_local_storage_caching " +
    "disable_ssh dmesg dmesg_clear emergency_clear_mandatory_guidance " +
    "emergency_disable_tls_verification emergency_reenable_tls_verification " +
    "emergency_reset_server_certificate enable_display enable_external_auth " +
    "enable_local_storage_caching enable_ssh forget_data_source_archives get_data_sources " +
    "get_log get_management_interface get_ntp_servers_status get_ntp_synchronized " +
    "get_sched_gran get_server_certificate get_system_status_capabilities " +
    "get_tracked_user_agents ha_disable_failover_decisions ha_disarm_fencing " +
    "ha_join_liveset ha_release_resources ha_stop_daemon ha_wait_for_shutdown_via_statefile " +
    "has_extension install_server_certificate license_add license_remove list_methods " +
    "list_timezones local_management_reconfigure management_disable management_reconfigure " +
    "migrate_receive preconfigure_ha query_data_source record_data_source refresh_pack_info " +
    "refresh_server_certificate request_backup rescan_drivers reset_server_certificate " +
    "retrieve_wlb_evacuate_recommendations send_debug_keys set_console_idle_timeout " +
    "set_hostname_live set_https_only set_iscsi_iqn set_localdb_key set_max_cstate " +
    "set_multipathing set_ntp_custom_servers set_ntp_mode set_numa_affinity_policy " +
    "set_sched_gran set_servertime set_ssh_auto_mode set_ssh_enabled_timeout set_ssl_legacy " +
    "set_timezone set_uefi_certificates signal_networking_change sync_data " +
    "syslog_reconfigure",
  host_crashdump: "destroy upload",
  host_patch: "apply destroy",
  network: "add_purpose create create_new_blob destroy remove_purpose set_default_locking_mode",
  VIF:
    "add_ipv4_allowed add_ipv6_allowed configure_ipv4 configure_ipv6 create destroy move " +
    "plug remove_ipv4_allowed remove_ipv6_allowed set_ipv4_allowed set_ipv6_allowed " +
    "set_locking_mode unplug unplug_force",
  PIF:
    "create_VLAN db_forget db_introduce destroy forget introduce plug reconfigure_ip " +
    "reconfigure_ipv6 scan set_disallow_unplug set_primary_address_type set_property unplug",
  Bond: "create destroy set_mode set_property",
  VLAN: "create destroy",
  SR:
    "assert_supports_database_replication create create_new_blob destroy " +
    "disable_database_replication enable_database_replication forget " +
    "forget_data_source_archives get_data_sources get_supported_types introduce make probe " +
    "probe_ext query_data_source record_data_source set_physical_size set_shared update",
  LVHD: "enable_thin_provisioning get_by_uuid get_record get_uuid",
  VDI:
    "clone copy create data_destroy destroy disable_cbt enable_cbt forget get_nbd_info " +
    "introduce list_changed_blocks open_database pool_migrate read_database_pool_uuid " +
    "resize set_allow_caching set_on_boot set_read_only set_sharable snapshot update",
  VBD: "assert_attachable create destroy eject insert plug set_mode unplug unplug_force",
  PBD: "create destroy set_device_config",
  crashdump: "destroy",
  console: "create destroy",
  user:
    "add_to_other_config create destroy get_by_uuid get_fullname get_other_config " +
    "get_record get_short_name get_uuid remove_from_other_config set_fullname " +
    "set_other_config",
  blob: "create destroy",
  secret: "create destroy",
  tunnel: "create destroy",
  network_sriov: "create destroy get_remaining_capacity",
  PGPU:
    "add_enabled_VGPU_types disable_dom0_access enable_dom0_access get_remaining_capacity " +
    "remove_enabled_VGPU_types set_GPU_group set_enabled_VGPU_types",
  GPU_group: "create destroy get_remaining_capacity",
  VGPU: "create destroy",
  PVS_site: "forget introduce set_PVS_uuid",
  PVS_server: "forget introduce",
  PVS_proxy: "create destroy",
  PVS_cache_storage: "create destroy",
  SDN_controller: "forget introduce",
  PUSB: "scan set_passthrough_enabled",
  USB_group: "create destroy",
  VUSB: "create destroy unplug",
  Cluster: "create destroy get_network pool_create pool_destroy pool_force_destroy pool_resync",
  Cluster_host: "create destroy disable enable force_destroy",
  VTPM: "create destroy",
  PCI: "disable_dom0_access enable_dom0_access get_dom0_access_status",
  Repository: "forget introduce introduce_bundle introduce_remote_pool set_gpgkey_path",
  Observer: "create destroy set_attributes set_components set_enabled set_endpoints set_hosts",
  VM_group: "create destroy",
  Host_driver: "deselect rescan select",
  Driver_variant: "select",
};

/** Full method names, e.g. `VM.clone`. */
export const notCovered: readonly string[] = Object.entries(rows).flatMap(([cls, names]) =>
  names.split(" ").map((name) => `${cls}.${name}`),
);
