/** resource.k8s.io (dynamic resource allocation): columns. */
import type {
  PoolStatus,
  ResourcePoolStatusRequest,
  ResourceResourceClaim as ResourceClaim,
} from '../generated/types.ts';
import { type CellRule, age, ageOf, columns, field, name, since } from '../meta/columns.ts';
import { defineStrategy } from '../strategy.ts';
import { dropStatusOfTakenAway } from './device-status.ts';

const claimState: CellRule<ResourceClaim> = ({ metadata, status }) => {
  const states: string[] = [];
  if (metadata.deletionTimestamp) states.push('deleted');
  if (status.allocation) {
    states.push('allocated');
    if (status.reservedFor?.length) states.push('reserved');
  } else if (!metadata.deletionTimestamp) states.push('pending');
  return states.join(',');
};

export const resourceClaim = defineStrategy<ResourceClaim>({
  prepareForStatusUpdate: dropStatusOfTakenAway,
  cells: columns<ResourceClaim>({ Name: name, State: claimState, Age: age }),
});

export const resourceSlice = defineStrategy({
  cells: columns({
    Name: name,
    Node: field('spec.nodeName'),
    Driver: field('spec.driver'),
    Pool: field('spec.pool.name'),
    Age: age,
  }),
});

export const deviceTaintRule = defineStrategy({
  cells: columns({
    Name: name,
    Key: field('spec.taint.key'),
    Value: field('spec.taint.value'),
    Effect: field('spec.taint.effect'),
    TimeAdded: ageOf('spec.taint.timeAdded'),
    Age: age,
  }),
});

type CountField = 'totalDevices' | 'availableDevices' | 'allocatedDevices' | 'unavailableDevices';
const poolsOf = (request: Readonly<ResourcePoolStatusRequest>): PoolStatus[] => request.status?.pools ?? [];
const devices =
  (part: CountField): CellRule<ResourcePoolStatusRequest> =>
  (request) =>
    request.status?.pools ? String(poolsOf(request).reduce((sum, pool) => sum + (pool[part] ?? 0), 0)) : '';

export const resourcePoolStatusRequest = defineStrategy<ResourcePoolStatusRequest>({
  cells: columns<ResourcePoolStatusRequest>({
    Name: name,
    Driver: field('spec.driver'),
    Total: devices('totalDevices'),
    Available: devices('availableDevices'),
    Allocated: devices('allocatedDevices'),
    Unavailable: devices('unavailableDevices'),
    Errors: (request) => String(poolsOf(request).filter((pool) => pool.validationError).length),
    Pools: field('status.poolCount', 0),
    Status: ({ status }) =>
      ['Complete', 'Failed'].find((type) => status?.conditions?.some((c) => c.type === type && c.status === 'True')) ??
      'Pending',
    Completed: ({ status }, nowMs) => {
      const at = status?.conditions?.find((c) => c.type === 'Complete' && c.status === 'True')?.lastTransitionTime;
      return at ? since(at, nowMs) : '';
    },
  }),
});
