/** Calls a host answers whatever its state, by itself. */
export const EMERGENCY_CALLS: ReadonlySet<string> = new Set([
  "pool.is_slave",
  "pool.emergency_reset_master",
  "pool.emergency_transition_to_master",
  "session.slave_local_login",
  "session.slave_local_login_with_password",
  "session.local_logout",
  "host.propose_new_master",
  "host.commit_new_master",
  "host.abort_new_master",
  "host.local_assert_healthy",
  "host.signal_networking_change",
  "host.local_management_reconfigure",
  "host.management_disable",
  "host.ha_xapi_healthcheck",
  "host.emergency_ha_disable",
  "host.get_system_status_capabilities",
  "host.is_in_emergency_mode",
  "host.shutdown_agent",
  "host.emergency_reset_server_certificate",
  "host.emergency_disable_tls_verification",
  "host.emergency_reenable_tls_verification",
  "host.emergency_clear_mandatory_guidance",
  "host.update_firewalld_service_status",
]);

/** What a supporter answers on its own socket; everything else goes to the coordinator. */
export const SOCKET_CALLS: ReadonlySet<string> = new Set([
  ...EMERGENCY_CALLS,
  "session.login_with_password",
  "session.slave_login",
]);
