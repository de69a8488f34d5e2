import { podgroups, pods } from '../../api/generated/resources.ts';
import type { Pod } from '../../api/generated/types.ts';
import { isNotFound } from '../../api/meta/status-error.ts';
import { keyOf, keyText } from '../../api/resource.ts';
import { hasFinalizer, withFinalizer, withoutFinalizer } from '../finalizers.ts';
import { isPodTerminal } from '../pod-state.ts';
import { defineController, done, watch } from '../runtime.ts';

const finalizer = 'scheduling.k8s.io/podgroup-protection';

/** A group that is deleted while pods of it run goes when the last of them has ended: what is said of them stays as long. */
export const podGroupProtection = defineController({
  name: 'podgroup.protection',
  serviceAccount: 'podgroup-protection-controller',
  setup(context) {
    // The version may be off (`--runtime-config`): then there is nothing to protect.
    const isServed = context.kinds.some(
      ({ group, resource }) => group === podgroups.group && resource === podgroups.resource,
    );
    if (!isServed) return { watches: [], reconcile: () => Promise.resolve(done) };
    const groups = context.informer(podgroups);
    const members = context.informer(pods);
    members.addIndex('podGroup', (pod) => (isPodTerminal(pod) ? [] : groupKeysOf(pod)));
    return {
      watches: [
        watch(groups, (group) => [keyText(keyOf(group))]),
        watch(members, groupKeysOf, (old, pod) => isPodTerminal(old) !== isPodTerminal(pod)),
      ],
      async reconcile(key, client) {
        const group = groups.get(key);
        if (!group) return done;
        const isGuarded = hasFinalizer(group, finalizer);
        const isGoing = group.metadata.deletionTimestamp !== undefined;
        if (!isGoing && !isGuarded) await client.update(podgroups, withFinalizer(group, finalizer));
        if (!isGoing || !isGuarded || members.index('podGroup', key).length > 0) return done;
        try {
          await client.update(podgroups, withoutFinalizer(group, finalizer));
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return done;
      },
    };
  },
});

/** `namespace/name` of the group that a pod is of. */
function groupKeysOf({ metadata, spec }: Pod): string[] {
  const name = spec.schedulingGroup?.podGroupName;
  return name ? [keyText({ namespace: metadata.namespace, name })] : [];
}
