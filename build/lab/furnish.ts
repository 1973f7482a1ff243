import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { LabPaths } from "./paths.ts";
import type { LabPlan, PlannedHost } from "./plan.ts";
import { must } from "./run.ts";

/*
 * What makes a Debian look like dom0 to a program that only looks where dom0 keeps things: units,
 * inventory, role, firewall file, sockets, `xl`. XAPI itself is the virtual one, run by the pinned
 * Node from folders that are mounted into the host.
 */

const node = "/opt/virtual/node --disable-warning=ExperimentalWarning";
const programs = "/opt/virtual/repository/test/lab";

const xapiUnit = `[Unit]
Description=Virtual XenAPI server
After=network.target
Conflicts=shutdown.target

[Service]
Environment=NODE_COMPILE_CACHE=/opt/virtual/compiled
ExecStart=${node} ${programs}/xapi-service.ts
Restart=on-failure
RestartSec=1
StartLimitIntervalSec=0
TimeoutStopSec=60

[Install]
WantedBy=multi-user.target
`;

const xapiDomainsUnit = `[Unit]
Description=Moves guests away before the host goes down
After=xapi.service ssh.service
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
Environment=NODE_COMPILE_CACHE=/opt/virtual/compiled
ExecStart=/bin/true
ExecStop=${node} ${programs}/xapi-domains-stop.ts
TimeoutStopSec=600

[Install]
WantedBy=multi-user.target
`;

const iptablesUnit = `[Unit]
Description=Firewall rules of the host
Before=network.target ssh.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/iptables-restore /etc/sysconfig/iptables

[Install]
WantedBy=multi-user.target
`;

/** Everything is refused but what XAPI, SSH and the pool's own heartbeat need. */
const firewall = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:RH-Firewall-1-INPUT - [0:0]
-A INPUT -j RH-Firewall-1-INPUT
-A FORWARD -j RH-Firewall-1-INPUT
-A RH-Firewall-1-INPUT -i lo -j ACCEPT
-A RH-Firewall-1-INPUT -p icmp --icmp-type any -j ACCEPT
-A RH-Firewall-1-INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A RH-Firewall-1-INPUT -p udp --dport 694 -m conntrack --ctstate NEW -j ACCEPT
-A RH-Firewall-1-INPUT -p tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT
-A RH-Firewall-1-INPUT -p tcp --dport 80 -m conntrack --ctstate NEW -j ACCEPT
-A RH-Firewall-1-INPUT -p tcp --dport 443 -m conntrack --ctstate NEW -j ACCEPT
-A RH-Firewall-1-INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
`;

const xl = `#!/bin/sh
# Stands in for the hypervisor's tool: lists the virtual host's guests, and knows no other verb.
NODE_COMPILE_CACHE=/opt/virtual/compiled exec ${node} ${programs}/xl.ts "$@"
`;

/** dom0's login shells know where its own tools are. */
const toolstackRestart = `#!/bin/sh
echo "Executing xe-toolstack-restart"
systemctl restart xapi.service && echo "done."
`;

function inventory(host: PlannedHost): string {
  const values = {
    PRODUCT_BRAND: "XCP-ng",
    PRODUCT_VERSION: "8.3.0",
    PLATFORM_NAME: "XCP",
    PLATFORM_VERSION: "3.4.0",
    BUILD_NUMBER: "cloud",
    INSTALLATION_UUID: host.uuid,
    CONTROL_DOMAIN_UUID: host.controlDomainUuid,
    MANAGEMENT_INTERFACE: "xenbr0",
    MANAGEMENT_ADDRESS_TYPE: "IPv4",
    CURRENT_INTERFACES: "xenbr0",
  };
  return Object.entries(values)
    .map(([key, value]) => `${key}='${value}'\n`)
    .join("");
}

/** Fills a host's own layer before its first boot. */
export async function furnish(
  root: string,
  host: PlannedHost,
  lab: { readonly plan: LabPlan; readonly paths: LabPaths },
): Promise<void> {
  const write = (path: string, text: string, mode = 0o644): void => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  };
  const link = (path: string, target: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(target, join(root, path));
  };
  write("etc/hostname", `${host.name}\n`);
  write("etc/hosts", hostsFile(lab.plan));
  write("etc/xensource-inventory", inventory(host));
  write("etc/sysconfig/iptables", firewall, 0o600);
  write("usr/sbin/xl", xl, 0o755);
  write("opt/xensource/bin/xe-toolstack-restart", toolstackRestart, 0o755);
  link("etc/xensource/pool.conf", "/opt/virtual/host/disk/pool.conf");
  link("var/lib/xcp/xapi", "/opt/virtual/host/xapi.sock");
  for (const [name, text] of [
    ["xapi.service", xapiUnit],
    ["xapi-domains.service", xapiDomainsUnit],
    ["iptables.service", iptablesUnit],
  ] as const) {
    write(`etc/systemd/system/${name}`, text);
    link(`etc/systemd/system/multi-user.target.wants/${name}`, `/etc/systemd/system/${name}`);
  }
  // The journal is kept over a reboot, as on a host with a disk.
  mkdirSync(join(root, "var/log/journal"), { recursive: true });
  await giveKeys(root, host, { lab: lab.paths, write });
}

function hostsFile(plan: LabPlan): string {
  const lines = plan.hosts.map(({ name, addresses }) => `${addresses.mgmt} ${name}\n`);
  return `127.0.0.1 localhost\n${lines.join("")}`;
}

async function giveKeys(
  root: string,
  host: PlannedHost,
  to: {
    readonly lab: LabPaths;
    readonly write: (path: string, text: string, mode?: number) => void;
  },
): Promise<void> {
  const { lab, write } = to;
  const hostKey = join(lab.pool, `ssh-${host.id}`);
  write("etc/ssh/ssh_host_ed25519_key", readFileSync(hostKey, "utf8"), 0o600);
  write("etc/ssh/ssh_host_ed25519_key.pub", readFileSync(`${hostKey}.pub`, "utf8"));
  write("root/.ssh/authorized_keys", readFileSync(`${lab.keyFile}.pub`, "utf8"), 0o600);
  chmodSync(join(root, "root/.ssh"), 0o700);
  const password = readFileSync(lab.passwordFile, "utf8").trim();
  await must("chroot", [root, "chpasswd"], { input: `root:${password}\n` });
}
