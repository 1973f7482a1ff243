/** The hypervisor's tool of a lab host, as far as listing goes. */
import { join } from "node:path";
import { listDomains } from "../../host-agent/xapi-host/domains-file.ts";
import { domainsFile, readSettings } from "../../host-agent/xapi-host/settings.ts";
import { hostFolder } from "./host-paths.ts";

const mebibyteBytes = 1_048_576;

interface Row {
  readonly name: string;
  readonly domid: number;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly flags: string;
  readonly uuid: string;
}

function lineOf(row: Row, isLong: boolean): string {
  const columns = [
    row.name.padEnd(40),
    String(row.domid).padStart(5),
    String(Math.round(row.memoryBytes / mebibyteBytes)).padStart(5),
    String(row.vcpus).padStart(5),
    `    ${row.flags}`,
    "    0.0".padStart(8),
  ];
  return `${columns.join(" ")}${isLong ? ` ${row.uuid} -` : ""}`;
}

const [verb, ...flags] = process.argv.slice(2);
if (verb !== "list") {
  process.stderr.write("This stand-in for xl lists guests and does nothing else.\n");
  process.exit(1);
}
const isLong = flags.includes("-v");
const dom0: Row = {
  name: "Domain-0",
  domid: 0,
  memoryBytes: readSettings(hostFolder).dom0MemoryBytes,
  vcpus: 16,
  flags: "r-----",
  uuid: "00000000-0000-0000-0000-000000000000",
};
const guests = listDomains(join(hostFolder, domainsFile)).map((domain) => ({
  name: domain.vmUuid,
  domid: domain.domid,
  memoryBytes: domain.memoryBytes,
  vcpus: domain.vcpus,
  flags: domain.paused ? "--p---" : "-b----",
  uuid: domain.incomingFor ?? domain.vmUuid,
}));
const head = `Name                                        ID   Mem VCPUs\tState\tTime(s)`;
const more = isLong ? "   UUID                            Reason-Code\tSecurity Label" : "";
const lines = [dom0, ...guests].map((row) => lineOf(row, isLong));
process.stdout.write(`${[`${head}${more}`, ...lines].join("\n")}\n`);
