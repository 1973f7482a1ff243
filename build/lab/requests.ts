import { existsSync } from "node:fs";
import { connect } from "node:net";
import type { HostState } from "./host.ts";
import type { Cut } from "./network.ts";
import type { LabPaths } from "./paths.ts";
import { Refusal, type Network } from "./plan.ts";

/** One order to the process that is the lab, one line of JSON each way. */
export type LabRequest =
  | { readonly verb: "status" | "down" }
  | {
      readonly verb:
        | "power-off"
        | "power-on"
        | "hang"
        | "resume"
        | "xapi-hang"
        | "xapi-resume"
        | "xapi-kill";
      readonly host: string;
    }
  | {
      readonly verb: "cut" | "heal";
      /** null, for heal only: everything */
      readonly a: string | null;
      /** null: everybody else */
      readonly b: string | null;
      readonly networks: readonly Network[];
      /** from a to b only */
      readonly oneWay: boolean;
    };

export interface LabState {
  readonly hosts: readonly {
    readonly id: string;
    readonly state: HostState;
    readonly isXapiHung: boolean;
    readonly boots: number;
  }[];
  readonly cuts: readonly Cut[];
}

export type LabReply =
  | { readonly status: "done"; readonly state: LabState }
  | { readonly status: "refused"; readonly sentence: string };

const replyTimeoutMs = 60_000;

/** Gives the lab an order. Rejects with a sentence when it refuses or is not there. */
export function askLab(paths: LabPaths, order: LabRequest): Promise<LabState> {
  if (!existsSync(paths.controlSocket)) {
    return Promise.reject(new Refusal("No lab is up; `npm run lab -- up` starts one."));
  }
  return new Promise((resolve, reject) => {
    const socket = connect(paths.controlSocket);
    let text = "";
    socket.setTimeout(replyTimeoutMs, () => socket.destroy(new Error("no answer for a minute")));
    socket.on("connect", () => void socket.write(`${JSON.stringify(order)}\n`));
    socket.on("data", (part: Buffer) => (text += part.toString()));
    socket.on("error", (error) =>
      reject(new Refusal(`The lab does not answer: ${error.message}.`)),
    );
    socket.on("end", () => {
      if (text === "") return reject(new Refusal("The lab ended in the middle of an order."));
      const reply = JSON.parse(text) as LabReply;
      if (reply.status === "done") resolve(reply.state);
      else reject(new Refusal(reply.sentence));
    });
  });
}
