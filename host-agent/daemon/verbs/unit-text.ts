/*
 * The systemd unit, in directives that systemd 219 of the oldest dom0 knows. It neither requires
 * nor is part of the toolstack: an agent has to run when XAPI is sick. Unknown directives are only
 * a warning to systemd, so a test holds the list.
 *
 * KillMode: a stop signals the agent alone. The systemctl it then asks whether the host goes down
 * would get the same signal otherwise, and half of all reboots were announced as a mere stop.
 */
export const unitName = "skink.service";

export const unitText = `[Unit]
Description=Skink agent: observes the hosts of its pool
After=network.target

[Service]
Type=simple
ExecStart=/opt/skink/current/skink daemon
WorkingDirectory=/
Environment=BUN_BE_BUN=0
UMask=0077
Restart=always
RestartSec=3
TimeoutStopSec=10
KillMode=mixed
OOMScoreAdjust=-900
LimitCORE=0

[Install]
WantedBy=multi-user.target
`;
