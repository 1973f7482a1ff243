import type { SrSummary } from "../../../main/contract/pool.ts";
import { Explain } from "../../ui/explain.tsx";
import { formatBytes, listNames } from "../../ui/format.ts";
import { Mark } from "../../ui/mark.tsx";
import { Meter, Panel } from "../../ui/panel.tsx";
import { EmptyPicture } from "../../ui/picture.tsx";
import { orderSrs } from "./order-srs.ts";

const PlugState = ({ sr }: { readonly sr: SrSummary }) => {
  if (sr.unpluggedHostNames.length === 0) {
    return <Mark name="sr-plugged" word={`On ${sr.attachedHostCount}`} />;
  }
  return (
    <>
      <Mark name="sr-unplugged" />
      <span className="sk-hosts__address">on {listNames(sr.unpluggedHostNames, 2)}</span>
    </>
  );
};

/** Shared storage first: that is what decides where a VM may go. */
export const SrsPanel = ({ srs }: { readonly srs: readonly SrSummary[] }) => (
  <Panel title={<Explain term="SR">Storage</Explain>} side={`${srs.length} SRs`} isFlush>
    {srs.length === 0 ? (
      <EmptyPicture title="No storage">XAPI names no SR that can hold disks.</EmptyPicture>
    ) : (
      <div className="sk-srs__scroll" tabIndex={0} role="region" aria-label="List of SRs">
        <table className="sk-table" aria-label="Storage">
          <thead>
            <tr>
              <th scope="col">SR</th>
              <th scope="col">Used</th>
              <th scope="col">
                <Explain term="PBD">Plugged</Explain>
              </th>
            </tr>
          </thead>
          <tbody>
            {orderSrs(srs).map((sr) => (
              <tr key={sr.uuid}>
                <td>
                  {sr.name}
                  <span className="sk-hosts__address">
                    {sr.shared ? "shared" : "one host only"}, {sr.type}
                  </span>
                </td>
                <td>
                  {sr.sizeBytes <= 0 ? (
                    <span className="sk-faint">not told</span>
                  ) : (
                    <Meter
                      usedRatio={sr.usedBytes / sr.sizeBytes}
                      text={`${formatBytes(sr.usedBytes)} of ${formatBytes(sr.sizeBytes)}`}
                      label={`Space of ${sr.name}`}
                    />
                  )}
                </td>
                <td>
                  <PlugState sr={sr} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    )}
  </Panel>
);
