/** What dom0 does before XAPI is stopped: asks it to move or shut down the guests. */
import { join } from "node:path";
import { readSettings, socketFile } from "../../host-agent/xapi-host/settings.ts";
import { prepareForPoweroff } from "../../main/demo/orderly-stop.ts";
import { hostFolder } from "./host-paths.ts";

await prepareForPoweroff({
  socketPath: join(hostFolder, socketFile),
  hostUuid: readSettings(hostFolder).hostUuid,
  // The service manager's patience is the limit.
  signal: new AbortController().signal,
});
