import { Button, Modal } from "@mantine/core";
import { useMemo, useState } from "react";
import { useCommand, usePoolFacts, usePoolId } from "../../console/context.tsx";
import { isBelievable } from "../../console/shown.ts";
import { counted } from "../../ui/format.ts";
import { FailureNotice } from "../../ui/notice.tsx";
import { Panel } from "../../ui/panel.tsx";
import { countTreatments } from "./count-treatments.ts";

/** Native HA off, with what that means said before it happens. */
export const TurnOffPanel = () => {
  const poolId = usePoolId();
  const vms = usePoolFacts((facts) => facts.vms);
  const isLive = usePoolFacts((facts) => isBelievable(facts.connection));
  const isRunActive = usePoolFacts((facts) => facts.run !== null && facts.run.endedAtMs === null);
  const restartCount = useMemo(() => countTreatments(vms.values()).restart, [vms]);
  const [isAsking, setAsking] = useState(false);
  const disable = useCommand("ha.disable");
  const turnOff = async (): Promise<void> => {
    await disable.run({ poolId });
    setAsking(false);
  };
  const losers =
    restartCount === 0 ? "" : ` That includes ${counted(restartCount, "VM")} set to Restart.`;
  const consequence = `Without it, VMs of a lost host stay off until somebody starts them.${losers}`;
  return (
    <Panel title="Turn native HA off">
      <div className="sk-modal">
        <p>{consequence} Running VMs keep running, and their treatment stays as it is set.</p>
        <p className="sk-dim">
          To reboot a host there is no need to turn it off here: the reboot wizard makes HA safe for
          that one reboot and puts it back exactly.
        </p>
        {disable.error === null ? null : <FailureNotice error={disable.error} />}
        <div className="sk-form__buttons">
          {isLive ? null : <p className="sk-dim sk-grow">The connection is not live.</p>}
          {isRunActive ? (
            <p className="sk-dim sk-grow">A reboot run decides about HA until it ends.</p>
          ) : null}
          <Button
            variant="default"
            disabled={!isLive || isRunActive}
            loading={disable.isBusy}
            onClick={() => setAsking(true)}
          >
            Turn native HA off
          </Button>
        </div>
      </div>
      <Modal
        opened={isAsking}
        onClose={() => setAsking(false)}
        title="Turn native HA off?"
        closeButtonProps={{ "aria-label": "Close" }}
      >
        <div className="sk-modal">
          <p>{consequence}</p>
          <div className="sk-form__buttons">
            <Button variant="default" onClick={() => setAsking(false)} data-autofocus>
              Keep it on
            </Button>
            <Button color="red" loading={disable.isBusy} onClick={() => void turnOff()}>
              Turn native HA off
            </Button>
          </div>
        </div>
      </Modal>
    </Panel>
  );
};
