/** Options of OpenSSH for a lab host: its own key and known hosts, nothing of the person's. */
export function sshOptions(files: {
  readonly keyFile: string;
  readonly knownHostsFile: string;
}): readonly string[] {
  return [
    "-F/dev/null",
    `-i${files.keyFile}`,
    "-oIdentitiesOnly=yes",
    "-oStrictHostKeyChecking=yes",
    `-oUserKnownHostsFile=${files.knownHostsFile}`,
    "-oLogLevel=ERROR",
    "-oConnectTimeout=5",
  ];
}
