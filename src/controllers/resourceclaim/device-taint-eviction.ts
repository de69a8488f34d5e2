import { devicetaintrules, pods, resourceclaims, resourceslices } from '../../api/generated/resources.ts';
import type { Pod, ResourceResourceClaim, ResourceSlice } from '../../api/generated/types.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { type DisruptionReason, evictWhenDue } from '../pod-eviction.ts';
import { isPodTerminal } from '../pod-state.ts';
import { defineController, done, watch } from '../runtime.ts';
import { sameJson } from '../same-json.ts';
import { deviceEvictionTime, poolKey } from './device-taints.ts';
import { reservedKeysOf } from './reservation.ts';

const why: DisruptionReason = {
  reason: 'DeletionByDeviceTaintManager',
  message: 'Device Taint manager: deleting due to NoExecute taint',
};

/** Deletes pods that use devices with NoExecute taints which their claims do not tolerate, or no longer. */
export const deviceTaintEviction = defineController({
  name: 'resourceclaim.device-taint-eviction',
  serviceAccount: 'device-taint-eviction-controller',
  eventSource: 'device-taint-eviction',
  setup(context) {
    const { clock } = context;
    const claims = context.informer(resourceclaims);
    const slices = context.informer(resourceslices);
    const allPods = context.informer(pods);
    const isServed = context.kinds.some(({ resource }) => resource === devicetaintrules.resource);
    const rules = isServed ? context.informer(devicetaintrules) : undefined;
    claims.addIndex('reservedPod', reservedKeysOf);
    claims.addIndex('pool', poolsOf);
    slices.addIndex('pool', ({ spec }) => [poolKey({ driver: spec.driver, pool: spec.pool.name })]);
    const usersOf = (slice: ResourceSlice): string[] =>
      claims.index('pool', poolKey({ driver: slice.spec.driver, pool: slice.spec.pool.name })).flatMap(reservedKeysOf);
    const everyUser = () => claims.list().flatMap(reservedKeysOf);
    return {
      watches: [
        watch(slices, usersOf, (old, slice) => !sameJson(old.spec, slice.spec)),
        watch(claims, reservedKeysOf),
        watch(
          allPods,
          (pod) => (claims.index('reservedPod', keyText(keyOf(pod))).length > 0 ? [keyText(keyOf(pod))] : []),
          (old, pod) => old.spec.nodeName !== pod.spec.nodeName,
        ),
        ...(rules ? [watch(rules, everyUser, (old, rule) => !sameJson(old.spec, rule.spec))] : []),
      ],
      async reconcile(key, client) {
        const pod = allPods.get(key);
        if (!pod?.spec.nodeName || pod.metadata.deletionTimestamp || isPodTerminal(pod)) return done;
        const used = claims.index('reservedPod', key).filter((claim) => isReservedFor(claim, pod));
        const sources = { slicesOf: (pool: string) => slices.index('pool', pool), rules: rules?.list() ?? [] };
        const dueMs = deviceEvictionTime(used, sources, clock.now());
        const event = { reason: 'DeviceTaintManagerEviction', message: 'Marking for deletion' };
        return evictWhenDue(context, client, pod, { dueMs, why, event });
      },
    };
  },
});

const poolsOf = ({ status }: ResourceResourceClaim): string[] => [
  ...new Set((status?.allocation?.devices?.results ?? []).map(poolKey)),
];

const isReservedFor = ({ status }: ResourceResourceClaim, pod: Pod): boolean =>
  status?.reservedFor?.some(({ uid }) => uid === pod.metadata.uid) === true;
