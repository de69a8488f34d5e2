import type { ResourceClaimStatus, ResourceResourceClaim } from '../generated/types.ts';

/** A device, or the share of one that several have. */
export interface DeviceId {
  driver: string;
  pool: string;
  device: string;
  shareID?: string;
}

/** `driver/pool/device[/share]`. */
export const deviceKey = ({ driver, pool, device, shareID }: DeviceId): string =>
  [driver, pool, device, ...(shareID === undefined ? [] : [shareID])].join('/');

const allocated = ({ allocation }: ResourceClaimStatus): string[] =>
  (allocation?.devices?.results ?? []).map(deviceKey);

/** The devices that a change of its status takes from a claim, by `deviceKey`. */
export function takenAway(status: ResourceClaimStatus, old: ResourceClaimStatus): Set<string> {
  const kept = new Set(allocated(status));
  return new Set(allocated(old).filter((key) => !kept.has(key)));
}

/** What drivers have said of devices goes with the devices: who gives them back need not know of it (KEP-4817). */
export function dropStatusOfTakenAway(
  { status }: ResourceResourceClaim,
  { status: old }: Readonly<ResourceResourceClaim>,
): void {
  if (!status?.devices) return;
  const gone = takenAway(status, old ?? {});
  if (gone.size === 0) return;
  const kept = status.devices.filter((said) => !gone.has(deviceKey(said)));
  if (kept.length > 0) status.devices = kept;
  else delete status.devices;
}
