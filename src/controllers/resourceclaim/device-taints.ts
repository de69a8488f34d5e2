import type {
  DeviceRequestAllocationResult,
  DeviceTaint,
  DeviceTaintRule,
  ResourceResourceClaim,
  ResourceSlice,
} from '../../api/generated/types.ts';
import { tolerates } from '../../placement/taints.ts';

/** What is known of the devices that claims were given. */
export interface TaintSources {
  /** The slices of a driver's pool. */
  slicesOf(pool: string): readonly ResourceSlice[];
  readonly rules: readonly DeviceTaintRule[];
}

/** `driver/pool`. */
export const poolKey = ({ driver, pool }: { driver: string; pool: string }): string => `${driver}/${pool}`;

/** When a pod with these claims has to go, in epoch milliseconds; undefined when it may stay. */
export function deviceEvictionTime(
  claims: readonly ResourceResourceClaim[],
  sources: TaintSources,
  nowMs: number,
): number | undefined {
  let first = Number.POSITIVE_INFINITY;
  for (const claim of claims)
    for (const given of claim.status?.allocation?.devices?.results ?? [])
      for (const taint of taintsOf(given, sources)) first = Math.min(first, endOf(given, taint, nowMs));
  return Number.isFinite(first) ? first : undefined;
}

/** A toleration without seconds is for ever; of those with some the shortest counts. */
function endOf({ tolerations = [] }: DeviceRequestAllocationResult, taint: DeviceTaint, nowMs: number): number {
  const covering = tolerations.filter((toleration) => tolerates([toleration], taint));
  if (covering.length === 0) return nowMs;
  if (covering.some(({ tolerationSeconds }) => tolerationSeconds === undefined)) return Number.POSITIVE_INFINITY;
  const seconds = Math.min(...covering.map((toleration) => toleration.tolerationSeconds ?? 0));
  const since = taint.timeAdded ? Date.parse(taint.timeAdded) : nowMs;
  return since + Math.max(0, seconds) * 1000;
}

/** The NoExecute taints of a device: its own, in the newest generation of its pool, and those that rules put on it. */
function taintsOf(given: DeviceRequestAllocationResult, { slicesOf, rules }: TaintSources): DeviceTaint[] {
  const slices = slicesOf(poolKey(given));
  const newest = Math.max(...slices.map(({ spec }) => spec.pool.generation));
  const devices = slices
    .filter(({ spec }) => spec.pool.generation === newest)
    .flatMap(({ spec, metadata }) =>
      (spec.devices ?? []).map((device) => ({ device, created: metadata.creationTimestamp })),
    );
  const own = devices
    .filter(({ device }) => device.name === given.device)
    .flatMap(({ device, created }) => (device.taints ?? []).map((taint) => since(taint, created)));
  const ruled = rules
    .filter(({ spec }) => selects(spec.deviceSelector, given))
    .map(({ spec, metadata }) => since(spec.taint, metadata.creationTimestamp));
  return [...own, ...ruled].filter(({ effect }) => effect === 'NoExecute');
}

/** Stored before the server filled in since when: since what says so was there. */
const since = (taint: DeviceTaint, created: string | undefined): DeviceTaint =>
  taint.timeAdded || !created ? taint : { ...taint, timeAdded: created };

function selects(
  selector: DeviceTaintRule['spec']['deviceSelector'],
  { driver, pool, device }: DeviceRequestAllocationResult,
): boolean {
  // Without a selector a rule is for no device.
  if (!selector) return false;
  return (
    (selector.driver ?? driver) === driver && (selector.pool ?? pool) === pool && (selector.device ?? device) === device
  );
}
